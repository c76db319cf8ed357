// Package acceptance compares testdata/acceptance.md, the table of Herald's promises, with the tests that prove
// them. There is nothing to import: its tests read the table, the repository's tests and the published documents,
// and fail for
//
//   - a row without a test, unless it says why, and a test that does not exist or does not carry the row's number,
//   - a number that a test carries and whose row does not name that test,
//   - a number that is missing or there twice,
//   - a method, event, field, group, endpoint, text or code of the published documents that no row has.
package acceptance
