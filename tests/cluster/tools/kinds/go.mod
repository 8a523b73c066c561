// Definitions of kinds that the operator uses where they are: only files of these modules are read, nothing is compiled.
module carillon.dev/tests/cluster/kinds

go 1.26.0

require (
	github.com/prometheus-operator/prometheus-operator v0.86.1
	sigs.k8s.io/gateway-api v1.4.0
)
