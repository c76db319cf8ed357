package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
)

// tokenReadBytes bounds the read from standard input; longer tokens are refused anyway.
const tokenReadBytes = 64 << 10

type tokenInspectCmd struct {
	Auth

	DataDir string `default:".herald" env:"HERALD_DATA_DIR" placeholder:"DIR" help:"Where herald dev keeps its key, used where no key is configured."`
	JSON    bool   `name:"json" help:"Print one JSON object."`
	Token   string `arg:"" optional:"" default:"-" help:"The token; - reads it from standard input, which keeps it out of the shell's history."`
}

// tokenReport is the output of --json.
type tokenReport struct {
	Accepted    bool                `json:"accepted"`
	Reason      auth.Reason         `json:"reason,omitempty"`
	Detail      string              `json:"detail,omitempty"`
	Header      map[string]any      `json:"header"`
	Claims      map[string]any      `json:"claims"`
	Checks      []auth.Check        `json:"checks"`
	Subject     string              `json:"subject"`
	Roles       []string            `json:"roles"`
	Permissions []permissionOfToken `json:"permissions"`
	AdminHub    bool                `json:"adminHub"` // whether the admin hub and the admin API would accept it
}

// permissionOfToken is a permission and the group that it opens, or none.
type permissionOfToken struct {
	Permission string `json:"permission"`
	Opens      string `json:"opens,omitempty"`
}

func (c *tokenInspectCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	token := c.Token
	if token == "-" {
		raw, err := io.ReadAll(io.LimitReader(os.Stdin, tokenReadBytes))
		if err != nil {
			return fmt.Errorf("reading the token from standard input: %w", err)
		}
		token = string(raw)
	}
	report, err := c.inspect(ctx, bare(token), logger)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(s.out).Encode(report)
	} else {
		err = c.tell(s.out, report)
	}
	if err == nil && !report.Accepted {
		err = errFindings
	}
	return err
}

// bare extracts the token from pasted text: a header's value, or the token with a line end.
func bare(token string) string {
	token = strings.TrimSpace(token)
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(rest)
	}
	return token
}

func (c *tokenInspectCmd) inspect(ctx context.Context, token string, logger *slog.Logger) (*tokenReport, error) {
	if !c.HasKey() {
		key, err := readDevKey(c.DataDir)
		if err != nil {
			return nil, fmt.Errorf("%w; nor is there one of herald dev: %w", errNoKey, err)
		}
		c.JWTSecret = key
	}
	cfg, err := auth.FromSettings(c.Auth)
	if err != nil {
		return nil, err
	}
	cfg.Logger = logger
	ctx, cancel := context.WithCancel(ctx) // the JWK Set needs no refresh for one command
	defer cancel()
	verifier, err := auth.NewVerifier(ctx, cfg)
	if err != nil {
		return nil, err
	}
	i := verifier.Inspect(ctx, token)
	r := &tokenReport{
		Accepted: i.Refusal == nil, Header: i.Header, Claims: i.Claims, Checks: i.Checks, Subject: i.Subject,
		Roles: append([]string{}, i.Roles...), Permissions: []permissionOfToken{},
	}
	if i.Refusal != nil {
		r.Reason, r.Detail = i.Refusal.Reason, i.Refusal.Detail
	}
	r.AdminHub = r.Accepted && slices.Contains(i.Roles, c.AdminRole)
	for _, p := range i.Permissions {
		group, _ := policy.Opens(p)
		r.Permissions = append(r.Permissions, permissionOfToken{p, group.String()})
	}
	return r, nil
}

// tell prints the report for a person.
func (c *tokenInspectCmd) tell(out io.Writer, r *tokenReport) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) //nolint:mnd // two spaces between columns
	line := func(what, format string, args ...any) {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", what, fmt.Sprintf(format, args...))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		line("header "+printable(name), "%s", inJSON(r.Header[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		line("claim "+printable(name), "%s", claimInWords(name, r.Claims[name], time.Now()))
	}
	for _, check := range r.Checks {
		if check.OK {
			line("ok    "+check.Name, "%s", check.Detail)
		} else {
			line("FAIL  "+check.Name, "%s", check.Detail)
		}
	}
	if r.Claims != nil {
		line("user", "%s", printable(cmp.Or(r.Subject, "nobody")))
		line("roles", "%s", cmp.Or(printable(strings.Join(r.Roles, ", ")), "none"))
	}
	for _, p := range r.Permissions {
		line("permission", "%s opens %s", printable(p.Permission),
			cmp.Or(p.Opens,
				"nothing: Herald knows "+event.PermissionForms()+", with an id such as f47ac10b-58cc-4372-a567-0e02b2c3d479"))
	}
	switch {
	case !r.Accepted:
		line("REFUSED", "%s (%s)", r.Detail, r.Reason)
	case r.AdminHub:
		line("accepted", "at every hub, the admin hub and the admin API included")
	default:
		line("accepted", "at every hub but the admin hub, which needs the role %q (HERALD_ADMIN_ROLE)", c.AdminRole)
	}
	return table.Flush() //nolint:wrapcheck // the terminal is gone
}

// claimInWords is a claim as JSON, with the meaning of a time.
func claimInWords(name string, value any, now time.Time) string {
	text := inJSON(value)
	number, ok := value.(json.Number)
	seconds, err := number.Float64()
	if !ok || err != nil || !slices.Contains([]string{"exp", "nbf", "iat", "auth_time"}, name) ||
		seconds < 0 || seconds > maxSeconds {
		return text
	}
	return fmt.Sprintf("%s: %s", text, auth.InWords(time.Unix(int64(seconds), 0), now))
}

// maxSeconds is the end of the year 9999; a time claim in milliseconds lies behind it.
const maxSeconds = 253402300799

// inJSON is a value on one line, fit for a terminal: control characters are escaped.
func inJSON(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%q", value)
	}
	return printable(string(raw))
}

// printable keeps control characters in a token's text from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' ||
			r >= '\u2066' && r <= '\u2069' {
			return '\ufffd'
		}
		return r
	}, text)
}
