package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const tokenSecret = "a-secret-of-these-tests-0123456789-0123456789"

// heraldToken runs `herald token` as a process of its own, with nothing in the environment but env.
func heraldToken(t *testing.T, env []string, input string, args ...string) (code int, out, complaints string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"token"}, args...)...)
	cmd.Env = append([]string{asHerald + "=1", "GORACE=" + os.Getenv("GORACE")}, env...)
	cmd.Dir = t.TempDir()
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (&exec.ExitError{}); err != nil {
		require.ErrorAs(t, err, &exit)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

func minted(t *testing.T, env []string, args ...string) string {
	t.Helper()
	code, token, complaints := heraldToken(t, env, "", args...)
	require.Zero(t, code, complaints)
	return strings.TrimSpace(token)
}

// TestTokenForAnybody: each requested claim is in the token, and inspect finds it there.
func TestTokenForAnybody(t *testing.T) {
	t.Parallel()
	env := []string{
		"HERALD_JWT_SECRET=" + tokenSecret, "HERALD_JWT_ISSUER=https://issuer.example",
		"HERALD_JWT_AUDIENCE=herald",
	}
	const order = "OrderOwner:f47ac10b-58cc-4372-a567-0e02b2c3d479"
	for _, mint := range [][]string{nil, {"mint"}} { // the one is short for the other
		token := minted(t, env,
			append(mint, "--subject=auth0|Zoë \"x\"", "-r", "Admin", "-r", "Kitchen staff", "-p", order,
				"--permission=Other:1", "--ttl=90m")...)
		code, out, complaints := heraldToken(t, env, "", "inspect", "--json", token)
		require.Zero(t, code, complaints)
		var report struct {
			Accepted, AdminHub bool
			Subject            string
			Roles              []string
			Permissions        []struct{ Permission, Opens string }
			Claims             map[string]any
			Header             map[string]any
			Checks             []struct {
				Check string
				OK    bool
			}
		}
		require.NoError(t, json.Unmarshal([]byte(out), &report), out)
		require.True(t, report.Accepted)
		require.True(t, report.AdminHub)
		require.Equal(t, "auth0|Zoë \"x\"", report.Subject)
		require.Equal(t, []string{"Admin", "Kitchen staff"}, report.Roles)
		require.Equal(t, []struct{ Permission, Opens string }{
			{order, "order:f47ac10b-58cc-4372-a567-0e02b2c3d479"}, {"Other:1", ""},
		}, report.Permissions)
		require.Equal(t, "https://issuer.example", report.Claims["iss"])
		require.Equal(t, "herald", report.Claims["aud"])
		require.InDelta(t, 5400, report.Claims["exp"].(float64)-report.Claims["iat"].(float64), 0)
		require.Equal(t, "HS256", report.Header["alg"])
		var names []string
		for _, c := range report.Checks {
			require.True(t, c.OK, c.Check)
			names = append(names, c.Check)
		}
		require.Equal(t, []string{"form", "algorithm", "key", "signature", "exp", "nbf", "iss", "aud", "subject"}, names)
	}
	code, _, complaints := heraldToken(t, env, "", "--subject= ")
	require.Equal(t, 1, code)
	require.Contains(t, complaints, "a token needs a subject")
	code, _, complaints = heraldToken(t, env, "")
	require.Equal(t, 2, code)
	require.Contains(t, complaints, "--subject")
}

// TestTokenInspectExplainsARefusal: in words, with status 1, and with the change that an operator could make.
func TestTokenInspectExplainsARefusal(t *testing.T) {
	t.Parallel()
	env := []string{"HERALD_JWT_SECRET=" + tokenSecret}
	expired := minted(t, env, "--subject=alice", "--ttl=-1h")
	code, out, _ := heraldToken(t, append(env, "HERALD_JWT_ISSUER=https://issuer.example"), "", "inspect", expired)
	require.Equal(t, 1, code)
	for _, line := range []string{
		`ok +signature +it fits the configured key`, `FAIL +exp +.* 1h0m\ds ago`, `claim exp +\d+: 20.*Z, 1h0m\ds ago`,
		`FAIL +iss +it is missing, but HERALD_JWT_ISSUER is "https://issuer.example"`, `user +alice`, `roles +none`,
		`REFUSED +it expired at .* ago \(expired\)`,
	} {
		require.Regexp(t, `(?m)^`+line, out)
	}
	require.NotContains(t, out, expired[strings.LastIndex(expired, ".")+1:], "a signature is nobody's business")

	code, out, _ = heraldToken(t, []string{"HERALD_JWT_SECRET=another-secret-0123456789-0123456789"}, "",
		"inspect", "--json", expired)
	require.Equal(t, 1, code)
	require.Contains(t, out, `"accepted":false,"reason":"bad_signature"`)

	code, out, _ = heraldToken(t, append(env, "HERALD_ADMIN_ROLE=Boss"), "Authorization: \n", "inspect")
	require.Equal(t, 1, code)
	require.Contains(t, out, "malformed")

	code, _, complaints := heraldToken(t, nil, "", "inspect", expired)
	require.Equal(t, 1, code)
	require.Contains(t, complaints, "no key for tokens is configured")
	require.Contains(t, complaints, "herald dev")
}

// TestTokenInspectReadsWhatPeoplePaste: from standard input, with a line end, with the header's scheme.
func TestTokenInspectReadsWhatPeoplePaste(t *testing.T) {
	t.Parallel()
	env := []string{"HERALD_JWT_SECRET=" + tokenSecret, "HERALD_ADMIN_ROLE=Boss"}
	token := minted(t, env, "--subject=alice\x1b[2J", "--role=Boss", "--ttl=-20s")
	for _, input := range []string{token, token + "\n", " Bearer " + token + "\r\n", "bearer  " + token} {
		for _, args := range [][]string{{"inspect"}, {"inspect", "-"}} {
			code, out, complaints := heraldToken(t, env, input, args...)
			require.Zero(t, code, complaints)
			require.Contains(t, out, "within the leeway of 30s")
			require.Contains(t, out, "the admin hub and the admin API included")
			require.NotContains(t, out, "\x1b", "a token does not steer the terminal")
		}
	}
	code, out, _ := heraldToken(t, append(env, "HERALD_ADMIN_ROLE=Chef"), token, "inspect")
	require.Zero(t, code)
	require.Contains(t, out, `every hub but the admin hub, which needs the role "Chef" (HERALD_ADMIN_ROLE)`)
}

// TestTokenInspectTakesTheKeyOfDev: as `herald token` does.
func TestTokenInspectTakesTheKeyOfDev(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "jwt-secret"), []byte(tokenSecret+"\n"), 0o600))
	env := []string{"HERALD_DATA_DIR=" + dir}
	code, _, complaints := heraldToken(t, env, "", "inspect", minted(t, env, "--subject=alice"))
	require.Zero(t, code, complaints)
}

// TestTokensWhileTheSecretIsBeingChanged: tokens are minted with the newest secret of the file, and inspect says
// which secret signed a token.
//
// Acceptance: A-484.
func TestTokensWhileTheSecretIsBeingChanged(t *testing.T) {
	t.Parallel()
	const newer = "a-newer-secret-of-these-tests-0123456789-01234"
	file := filepath.Join(t.TempDir(), "secrets")
	require.NoError(t, os.WriteFile(file, []byte("\r\n"+newer+"\r\n"+tokenSecret+"\r\n"), 0o600))
	both, older := []string{"HERALD_JWT_SECRET_FILE=" + file}, []string{"HERALD_JWT_SECRET=" + tokenSecret}

	for which, token := range map[string]string{
		"it fits key 1 of these 2": minted(t, both, "--subject=alice"),
		"it fits key 2 of these 2": minted(t, older, "--subject=alice"),
	} {
		code, out, complaints := heraldToken(t, both, "", "inspect", token)
		require.Zero(t, code, complaints)
		require.Contains(t, out, which)
		require.Regexp(t, `ok +key +there are 2 for it`, out)
	}
	code, out, _ := heraldToken(t, []string{"HERALD_JWT_SECRET=" + newer}, "", "inspect",
		minted(t, both, "--subject=alice"))
	require.Zero(t, code, out)

	for _, args := range [][]string{{"--subject=alice"}, {"inspect", "x"}} {
		code, _, complaints := heraldToken(t, append(both, older...), "", args...)
		require.Equal(t, 1, code)
		require.Contains(t, complaints, "HERALD_JWT_SECRET and HERALD_JWT_SECRET_FILE are all set")
		require.NotContains(t, complaints, tokenSecret)
	}
	require.NoError(t, os.WriteFile(file, []byte(newer+"\nshort\n"), 0o600))
	code, _, complaints := heraldToken(t, both, "", "--subject=alice")
	require.Equal(t, 1, code)
	require.Contains(t, complaints, "HERALD_JWT_SECRET_FILE "+file+": line 2: the JWT secret is 5 bytes long")
	code, _, complaints = heraldToken(t, nil, "", "--subject=alice")
	require.Equal(t, 1, code)
	require.Contains(t, complaints,
		"neither HERALD_JWT_SECRET nor HERALD_JWT_SECRET_FILE is set, and there is no key of `herald dev` here")
}
