package adminapi

// Settings are the operator's choices for the API.
type Settings struct {
	APIRate  int `name:"api-rate" default:"50" env:"HERALD_API_RATE" zero:"unlimited" placeholder:"N" help:"Requests that one user may make of one endpoint of the REST API per second on each node; 0: no limit (${default})."`
	APIBurst int `name:"api-burst" default:"100" env:"HERALD_API_BURST" zero:"with APIRate" placeholder:"N" help:"How many of them at once (${default})."`
}
