// Package settings reads what the tags of a settings struct say: the default of each setting, and what its 0 means.
//
// Each package has its settings in a struct of its own, whose tags kong reads too: name, env, default, placeholder,
// help. So the default of a setting stands in one place, for the command and for tests that set nothing. Every
// number and every duration has one more tag:
//
//	zero:"unlimited"         0 is no limit, for counts and rates
//	zero:"off"               0 turns it off, for intervals and caches
//	zero:"with Rate"         0 only where the field Rate is 0, for bursts
//	zero:"refused: reason"   0 is neither, and the operator is told why
//	least:"24h"              what is not 0 is at least this
//
// Values below 0 are refused everywhere. Rules about several settings, and about text, are code of the package that
// the settings belong to.
package settings
