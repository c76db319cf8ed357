// Package cli is the command line: one file a command. Each command is a struct whose fields are its flags and environment
// variables, read by kong, and whose Run does the work with what lies below. Nothing is decided here that another program would
// want to reuse.
package cli
