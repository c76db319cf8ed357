package hubs

// Settings is what an operator decides about the hubs.
type Settings struct {
	FeatureTeamcart bool `env:"HERALD_FEATURE_TEAMCART" help:"Serve the TeamCart hub."`
}
