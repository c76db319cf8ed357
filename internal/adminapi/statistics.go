package adminapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/outbox"
)

// health reports the state of /readyz in the document's form, without a reason, because it needs no token.
func (a *API) health(r *request) (any, error) {
	status, code := "healthy", http.StatusOK
	if a.cfg.Ready(r.Context()) != nil {
		status, code = "unhealthy", http.StatusServiceUnavailable
	}
	answer, err := encode(struct {
		Status            string `json:"status"`
		Service           string `json:"service"`
		Timestamp         string `json:"timestamp"`
		WebsocketEndpoint string `json:"websocketEndpoint"`
	}{status, "real-time", a.timestamp(), a.cfg.AdminHubPath})
	return written{json: answer, status: code}, err
}

func (a *API) status(r *request) (any, error) {
	if err := a.cfg.Ready(r.Context()); err != nil {
		a.logger.ErrorContext(r.Context(), "the real-time service is not operational", slog.Any("error", err))
		return nil, unavailable("Real-time service is not operational")
	}
	return struct {
		Status    string `json:"status"`
		Timestamp string `json:"timestamp"`
		Message   string `json:"message"`
	}{"connected", a.timestamp(), "Real-time service is operational"}, nil
}

func (a *API) platformSnapshot(r *request) (any, error) {
	stats, err := a.platformStats(r)
	if err != nil {
		return nil, err
	}
	return struct {
		Timestamp string               `json:"timestamp"`
		Data      outbox.PlatformStats `json:"data"`
	}{a.timestamp(), stats}, nil
}

// fromStatistics makes the event's payload from the platform's statistics. It takes no body; a body is still held to
// the limits.
func (a *API) fromStatistics(r *request, p publication) (payload map[string]any, key uuid.UUID, err error) {
	if key, err = keyBeside(ignoreBody(r.Request), r.Header); err != nil {
		return nil, uuid.Nil, err
	}
	stats, err := a.platformStats(r)
	if err != nil {
		return nil, uuid.Nil, err
	}
	encoded, err := json.Marshal(stats)
	if err != nil {
		return nil, uuid.Nil, fmt.Errorf("encoding the platform statistics: %w", err)
	}
	var numbers map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &numbers); err != nil {
		return nil, uuid.Nil, fmt.Errorf("reading the platform statistics: %w", err)
	}
	payload = map[string]any{}
	var missing []string
	for i, f := range p.of.Fields()[:len(p.Statistics)] {
		number := numbers[p.Statistics[i]]
		if payload[f.Name] = number; len(number) == 0 || string(number) == "null" {
			missing = append(missing, p.Statistics[i])
		}
	}
	return payload, key, checkComplete(missing)
}

// platformStats returns the statistics, or a 503 if none were ever set: Herald invents no numbers.
func (a *API) platformStats(r *request) (outbox.PlatformStats, error) {
	stats, _, ok, err := a.cfg.Publisher.PlatformStats(r.Context())
	if err != nil {
		a.logger.ErrorContext(r.Context(), "the platform statistics could not be read", slog.Any("error", err))
		return outbox.PlatformStats{}, unavailable("The platform statistics could not be read.")
	}
	if !ok {
		return outbox.PlatformStats{}, newProblem(http.StatusServiceUnavailable,
			"The platform statistics have never been set: herald.set_platform_stats sets them.")
	}
	return stats, nil
}

// checkComplete returns a 503 that names the broadcast's statistics that were never set.
func checkComplete(missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return newProblem(http.StatusServiceUnavailable, "These platform statistics have never been set: "+
		strings.Join(missing, ", ")+". herald.set_platform_stats sets them.")
}
