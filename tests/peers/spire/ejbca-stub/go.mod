// SPDX-License-Identifier: Apache-2.0

module github.com/Keyfactor/ejbca-go-client-sdk

go 1.26.6
