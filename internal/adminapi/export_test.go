package adminapi

// Route is one that the API serves.
type Route struct {
	Method, Path  string
	NeedsToken    bool
	NeedsTheAdmin bool
}

// Routes are all that the API serves.
func (a *API) Routes() []Route {
	var routes []Route
	for _, e := range a.endpoints() {
		routes = append(routes, Route{e.method, e.path, e.access != anybody, e.access == administrator})
	}
	return routes
}
