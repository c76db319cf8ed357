// Package reference keeps the documents that are made from the code: docs/events.md, and its TypeScript declarations docs/herald.d.ts.
//
// There is nothing in it but tests. They make each document from what the program itself goes by (the event types and their fields, the
// messages that clients are sent, the hubs' methods, the functions of a migrated database, the OpenAPI document), and compare it with
// what is committed. `make docs` writes it anew. What the code cannot say, a sentence about a method or an argument, stands in tables here;
// one that is missing, or left over, fails.
//
// The declarations are compiled against @microsoft/signalr, and against the very messages that docs/events.md shows.
package reference
