package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// producerRole is the role that producers' logins are members of. Roles belong to the server, so it outlives the
// database.
const producerRole = "herald_producer"

// Lack is a right that a login lacks to migrate its database, and the statement with which an administrator grants
// it.
type Lack struct{ What, SQL string }

// LackingError is returned by [Migrate] before it has changed anything.
type LackingError struct {
	Login string
	Lacks []Lack
}

func (e *LackingError) Error() string {
	lines := make([]string, len(e.Lacks))
	for i, lack := range e.Lacks {
		lines[i] = "\n  " + lack.What
	}
	return fmt.Sprintf(
		"%s lacks what migrating needs, and nothing was changed:%s\n`herald migrate roles` prints the SQL for an administrator",
		e.Login, strings.Join(lines, ""))
}

// Lacking returns what the login of pool lacks to migrate its database. It changes nothing.
func Lacking(ctx context.Context, pool *pgxpool.Pool) (login string, lacks []Lack, err error) {
	var database, loginName, owner, owners string
	var createsRoles, producer, schema, createsSchemas, ownsSchema bool
	var foreign int
	err = pool.QueryRow(ctx, `SELECT current_user, quote_ident(current_user), quote_ident(current_database()),
			(SELECT r.rolcreaterole OR r.rolsuper FROM pg_roles r WHERE r.rolname = current_user),
			EXISTS (SELECT FROM pg_roles r WHERE r.rolname = $2),
			to_regnamespace($1) IS NOT NULL, has_database_privilege(current_database(), 'CREATE'),
			coalesce((SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace n WHERE n.nspname = $1), true),
			coalesce((SELECT quote_ident(n.nspowner::regrole::text) FROM pg_namespace n WHERE n.nspname = $1), ''),
			coalesce(count(o.owner), 0), coalesce(string_agg(DISTINCT quote_ident(o.owner::regrole::text), ', '), '')
		FROM (SELECT c.relowner AS owner FROM pg_class c WHERE c.relnamespace = to_regnamespace($1)
			UNION ALL SELECT p.proowner FROM pg_proc p WHERE p.pronamespace = to_regnamespace($1)) o
		WHERE NOT pg_has_role(o.owner, 'USAGE')`, Schema, producerRole).
		Scan(&login, &loginName, &database, &createsRoles, &producer, &schema, &createsSchemas, &ownsSchema, &owner,
			&foreign, &owners)
	if err != nil {
		return "", nil, fmt.Errorf("reading the login's rights: %w", err)
	}
	if !producer && !createsRoles {
		lacks = append(lacks, Lack{
			fmt.Sprintf("the role %s does not exist, and %s may not create roles", producerRole, login),
			fmt.Sprintf("CREATE ROLE %s NOLOGIN;", producerRole),
		})
	}
	switch {
	case !schema && !createsSchemas:
		lacks = append(lacks, Lack{
			fmt.Sprintf("the schema %s does not exist, and %s may not create one in the database %s", Schema, login, database),
			fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s;", database, loginName),
		})
	case !ownsSchema:
		lacks = append(lacks, Lack{
			fmt.Sprintf("the schema %s belongs to %s, of which %s is no member", Schema, owner, login),
			fmt.Sprintf("GRANT %s TO %s;", owner, loginName),
		})
	case foreign > 0:
		lacks = append(lacks, Lack{
			fmt.Sprintf("%d tables and functions in the schema %s belong to %s, of which %s is no member", foreign, Schema,
				owners, login),
			fmt.Sprintf("GRANT %s TO %s;", owners, loginName),
		})
	}
	return login, lacks, nil
}

// mayMigrate fails with a [LackingError] where the login lacks something.
func mayMigrate(ctx context.Context, pool *pgxpool.Pool) error {
	login, lacks, err := Lacking(ctx, pool)
	if err == nil && len(lacks) > 0 {
		err = &LackingError{Login: login, Lacks: lacks}
	}
	return err
}
