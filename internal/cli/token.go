package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/yummyzoom/herald/internal/auth"
)

type tokenCmd struct {
	Mint    tokenMintCmd    `cmd:"" default:"withargs" help:"Mint a development JWT; the default."`
	Inspect tokenInspectCmd `cmd:"" help:"Explain whether this configuration accepts a token, and why not."`
}

type tokenMintCmd struct {
	Auth

	DataDir    string        `default:".herald" env:"HERALD_DATA_DIR" placeholder:"DIR" help:"Where herald dev keeps its key, used where no secret is configured."`
	Subject    string        `required:"" short:"s" help:"User id (sub)."`
	Role       []string      `short:"r" help:"Roles, such as Admin."`
	Permission []string      `short:"p" help:"Permissions, such as OrderOwner:{id}."`
	TTL        time.Duration `name:"ttl" default:"24h" help:"Life of the token; negative makes one that has expired (${default})."`
}

func (c *tokenMintCmd) Run(_ context.Context, s *streams) error {
	secret, err := mintingSecret(c.Auth, c.DataDir)
	if err != nil {
		return err
	}
	token, err := auth.Mint(secret, auth.Grant{
		Subject: c.Subject, Roles: c.Role, Permissions: c.Permission, TTL: c.TTL,
		Issuer: c.JWTIssuer, Audience: c.JWTAudience,
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, token)
	return err //nolint:wrapcheck // the terminal is gone
}
