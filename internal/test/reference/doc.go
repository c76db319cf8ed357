// Package reference keeps the documents that are made from the code: docs/events.md, and its TypeScript declarations
// docs/herald.d.ts.
//
// The package has only tests. They make each document from the program's own sources (the event types and their
// fields, the messages to clients, the hubs' methods, the functions of a migrated database, the OpenAPI document),
// and compare it with the committed file. `make docs` writes the files anew. Texts that the code does not contain,
// such as a sentence about a method or an argument, stand in tables here; a missing or a superfluous text fails the
// tests.
//
// The declarations are compiled against @microsoft/signalr, and against the very messages that docs/events.md shows.
package reference
