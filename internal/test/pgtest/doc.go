// Package pgtest gives each test a database of its own on a real PostgreSQL.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		pool := pgtest.New(t).Pool(t)
//		…
//
// A test process has one server, started by the first test that asks for a database and stopped by [Main] behind the last; a
// package whose tests ask for none pays nothing. The migrations run once, into a template that every database is a copy of, so
// a database costs tens of milliseconds. Nothing is synced to disk.
//
// A test that stops, kills or reconfigures the server asks for one of its own with [NewCluster].
//
// With HERALD_TEST_SHADOWS every database has a schema that shadows all that pg_catalog and herald have, before all others on the path of a session
// that does not say otherwise; each shadow fails when it is used ([Database.Shadow]). Herald's sessions and functions do not meet one.
//
// Whatever happens to the test process, no server stays behind: the kernel ends it with its parent (Linux), and the next test
// process clears away the directories of those that were killed.
package pgtest
