// Package targets holds the mage targets for everybody who deploys a service. A magefile imports it with mage:import and
// declares its service:
//
//	var _ = targets.Use(deploy.Service{Name: "orders-api", …})
//
// Targets read flags, call one method of package deploy, and turn its error into an exit code.
package targets
