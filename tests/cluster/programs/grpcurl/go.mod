module headgate.test/grpcurl

go 1.24.0

require github.com/fullstorydev/grpcurl v1.9.3
