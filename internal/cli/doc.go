// Package cli is the command line: one file a command. Each command is a struct whose fields are its flags and
// environment variables, read by kong. Its Run calls the packages below. Logic that another program could reuse
// stands in those packages, not here.
package cli
