module headgate.test/prometheus

go 1.24.0

require github.com/prometheus/prometheus v0.307.0

exclude (
	github.com/linode/linodego v1.0.0
	github.com/grpc-ecosystem/grpc-gateway v1.14.7
	google.golang.org/api v0.30.0
)
