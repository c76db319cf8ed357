package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/settings"
)

// identifierMaximum is NAMEDATALEN - 1: Postgres truncates longer names.
const identifierMaximum = 63

// quoteFunction turns schema.name, as a person writes it, into the quoted identifier that Postgres would read:
// folded to lower case unless it stands in double quotes.
func quoteFunction(name string) (string, error) {
	part := regexp.MustCompile(`^(?:[A-Za-z_][A-Za-z0-9_$]*|"[A-Za-z_][A-Za-z0-9_$]*")$`)
	parts := strings.Split(name, ".")
	if len(parts) != 2 {
		return "", functionError(name)
	}
	identifier := make(pgx.Identifier, len(parts))
	for i, p := range parts {
		bare := strings.Trim(p, `"`)
		if !part.MatchString(p) || len(bare) > identifierMaximum {
			return "", functionError(name)
		}
		if bare == p {
			bare = strings.ToLower(bare)
		}
		identifier[i] = bare
	}
	return identifier.Sanitize(), nil
}

func functionError(name string) error {
	return fmt.Errorf(
		"HERALD_AUTHORIZE_FUNCTION is %q: it must be a function's name with its schema and nothing else, like %s",
		name, settings.Defaults[Settings]().AuthorizeFunction)
}
