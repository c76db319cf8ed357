// Package config holds Herald's settings. Each is an environment variable HERALD_X and a flag of the same name, read by kong
// into the groups below; a command embeds the groups that it needs. --help shows every default.
//
// Check says what is wrong with a value that parses, in the setting's own name.
package config
