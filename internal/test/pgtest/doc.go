// Package pgtest gives each test a database of its own on a real PostgreSQL.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		pool := pgtest.New(t).Pool(t)
//		…
//
// A test process has one server. The first test that asks for a database starts it, and [Main] stops it after the
// last test; a package whose tests ask for none pays nothing. The migrations run once, into a template. Every
// database is a copy of the template, so it costs tens of milliseconds. Nothing is synced to disk.
//
// A test that stops, kills or reconfigures the server asks for one of its own with [NewCluster].
//
// With HERALD_TEST_SHADOWS every database has a schema that shadows everything in pg_catalog and herald. It comes
// before all others on the path of a session that does not set its own; each shadow fails when it is used
// ([Database.Shadow]). Herald's sessions and functions do not meet one.
//
// However the test process ends, no server stays behind: the kernel ends the server with its parent (Linux), and the
// next test process removes the directories of killed ones.
package pgtest
