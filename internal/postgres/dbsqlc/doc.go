// Package dbsqlc has Herald's statements as sqlc has checked and generated them from sql/queries, where each file is
// a room's.
//
// What goes out in batches, to save round trips, or is read into types that need no reflection, is sent by the text
// of its constant. sqlc generates a function for these statements as well and cannot be told not to; nothing calls
// those.
package dbsqlc
