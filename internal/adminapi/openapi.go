package adminapi

import (
	_ "embed" // the document
)

// OpenAPIPath is where the document that describes all this is served.
const OpenAPIPath = "/openapi.json"

// openAPIDocument describes this package's endpoints, and the node's own beside them (/healthz, /readyz, /metrics). The tests hold
// every request and every answer that they make against it.
//
//go:embed openapi.json
var openAPIDocument []byte

func openAPI(*request) (any, error) { return written{json: openAPIDocument}, nil }
