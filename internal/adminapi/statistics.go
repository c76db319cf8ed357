package adminapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/yummyzoom/herald/internal/event"
)

func (a *API) health(*request) (any, error) {
	return struct {
		Status            string `json:"status"`
		Service           string `json:"service"`
		Timestamp         string `json:"timestamp"`
		WebsocketEndpoint string `json:"websocketEndpoint"`
	}{"healthy", "real-time", a.timestamp(), a.cfg.AdminHubPath}, nil
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
		Timestamp string          `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}{a.timestamp(), stats}, nil
}

func (a *API) broadcastPlatformUpdate(r *request) (any, error) {
	numbers, err := a.statistics(r, "totalUsers", "activeUsers", "websitesGenerated", "imagesGenerated", "totalRevenue")
	if err != nil {
		return nil, err
	}
	id, err := a.publish(r, event.AnalyticsUpdate, map[string]any{
		"totalUsers":        numbers["totalUsers"],
		"activeUsers":       numbers["activeUsers"],
		"websitesGenerated": numbers["websitesGenerated"],
		"imagesGenerated":   numbers["imagesGenerated"],
		"revenue":           numbers["totalRevenue"],
	})
	if err != nil {
		return nil, err
	}
	return published{Message: "Platform update broadcasted", EventID: id}, nil
}

func (a *API) broadcastUserCount(r *request) (any, error) {
	numbers, err := a.statistics(r, "totalUsers", "activeUsers", "newUsersToday")
	if err != nil {
		return nil, err
	}
	answer := published{
		Message:       "User count update broadcasted",
		TotalUsers:    numbers["totalUsers"],
		ActiveUsers:   numbers["activeUsers"],
		NewUsersToday: numbers["newUsersToday"],
	}
	answer.EventID, err = a.publish(r, event.UserCountUpdate, map[string]any{
		"totalUsers":    answer.TotalUsers,
		"activeUsers":   answer.ActiveUsers,
		"newUsersToday": answer.NewUsersToday,
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// platformStats returns the statistics as they were set, or a 503 where they never were: numbers are not invented.
func (a *API) platformStats(r *request) (json.RawMessage, error) {
	stats, set, err := a.cfg.Publisher.PlatformStats(r.Context())
	if err != nil {
		a.logger.ErrorContext(r.Context(), "the platform statistics could not be read", slog.Any("error", err))
		return nil, unavailable("The platform statistics could not be read.")
	}
	if !set {
		return nil, newProblem(http.StatusServiceUnavailable,
			"The platform statistics have never been set: herald.set_platform_stats sets them.")
	}
	return stats, nil
}

// statistics returns the named ones of the statistics, all of them or a 503 that says which were never set.
func (a *API) statistics(r *request, names ...string) (map[string]json.RawMessage, error) {
	stats, err := a.platformStats(r)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(stats, &fields); err != nil {
		return nil, fmt.Errorf("reading the platform statistics: %w", err)
	}
	var missing []string
	for _, name := range names {
		if value := fields[name]; len(value) == 0 || string(value) == "null" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, newProblem(http.StatusServiceUnavailable, "These platform statistics have never been set: "+
			strings.Join(missing, ", ")+". herald.set_platform_stats sets them.")
	}
	return fields, nil
}
