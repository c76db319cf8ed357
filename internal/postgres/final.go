package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// finalCodes are the SQLSTATEs that waiting does not mend: no such login or not from here, a wrong password, no such
// database, a missing right.
var finalCodes = []string{"28000", "28P01", "3D000", "42501"} //nolint:gochecknoglobals // a constant

// Final reports whether err lasts until the configuration, the rights or the schema are changed: see finalCodes, a
// server of another version, a certificate that does not verify, an address that is none, migrations that are
// missing or fail. All other errors pass: a server that is down, starting, full, a standby or not to be found yet.
func Final(err error) bool {
	for _, sentinel := range []error{ErrUnsupported, ErrNotMigrated, ErrBeforeRelease, ErrThroughPooler} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	_, unreadable := errors.AsType[*unreadableError](err)
	_, migration := errors.AsType[*brokenMigrationError](err)
	return unreadable || migration || badCertificate(err) || finalCode(err)
}

// finalCode looks at all errors that err is made of: with several hosts there is one for each.
func finalCode(err error) bool {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case nil:
		return false
	case *pgconn.PgError:
		return slices.Contains(finalCodes, e.Code)
	case interface{ Unwrap() error }:
		return finalCode(e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), finalCode)
	}
	return false
}

// badCertificate knows the errors of crypto/tls, and those of pgx where only the authority is verified
// (sslmode=verify-ca).
func badCertificate(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, hostname := errors.AsType[x509.HostnameError](err)
	return verification || authority || invalid || hostname
}
