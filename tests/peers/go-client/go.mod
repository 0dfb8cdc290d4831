// SPDX-License-Identifier: Apache-2.0

module keyreeve/tests/peers/go-client

go 1.26

require github.com/parallaxsecond/parsec-client-go v0.0.0-20221025095442-f0a77d263cf9

require (
	github.com/pkg/errors v0.9.1 // indirect
	google.golang.org/protobuf v1.23.0 // indirect
)
