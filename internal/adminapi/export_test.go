package adminapi

// Route is a route of the API.
type Route struct {
	Method, Path  string
	NeedsToken    bool
	NeedsTheAdmin bool
}

// Routes returns all routes of the API.
func (a *API) Routes() []Route {
	var routes []Route
	for _, e := range a.endpoints() {
		routes = append(routes, Route{e.method, e.path, e.access != anybody, e.access == administrator})
	}
	return routes
}
