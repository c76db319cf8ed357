package hubs

// Settings are the operator's choices for the hubs.
type Settings struct {
	FeatureTeamcart bool `env:"HERALD_FEATURE_TEAMCART" help:"Serve the TeamCart hub."`
}
