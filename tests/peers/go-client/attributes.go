// SPDX-License-Identifier: Apache-2.0

package main

import (
	alg "github.com/parallaxsecond/parsec-client-go/interface/operations/psaalgorithm"
	attr "github.com/parallaxsecond/parsec-client-go/interface/operations/psakeyattributes"
	"github.com/parallaxsecond/parsec-client-go/parsec"
	"github.com/parallaxsecond/parsec-client-go/parsec/algorithm"
)

// Key attributes in the client's lower layer.  Its upper layer forgets the curve of an EC key (and
// so cannot make one); what it can make, RSA signing keys, is made with it.

func attributes(keyType *attr.KeyType, bits uint32, usage *attr.UsageFlags, algorithm *alg.Algorithm) *attr.KeyAttributes {
	return &attr.KeyAttributes{
		KeyType:   keyType,
		KeyBits:   bits,
		KeyPolicy: &attr.KeyPolicy{KeyUsageFlags: usage, KeyAlgorithm: algorithm},
	}
}

func eccPair() *attr.KeyType {
	return &attr.KeyType{Variant: &attr.KeyType_EccKeyPair_{
		EccKeyPair: &attr.KeyType_EccKeyPair{CurveFamily: attr.KeyType_SECP_R1}}}
}

func eccPublic() *attr.KeyType {
	return &attr.KeyType{Variant: &attr.KeyType_EccPublicKey_{
		EccPublicKey: &attr.KeyType_EccPublicKey{CurveFamily: attr.KeyType_SECP_R1}}}
}

func rsaPair() *attr.KeyType {
	return &attr.KeyType{Variant: &attr.KeyType_RsaKeyPair_{RsaKeyPair: &attr.KeyType_RsaKeyPair{}}}
}

func aes() *attr.KeyType {
	return &attr.KeyType{Variant: &attr.KeyType_Aes_{Aes: &attr.KeyType_Aes{}}}
}

func hmacKey() *attr.KeyType {
	return &attr.KeyType{Variant: &attr.KeyType_Hmac_{Hmac: &attr.KeyType_Hmac{}}}
}

func signing() *attr.UsageFlags {
	return &attr.UsageFlags{SignHash: true, VerifyHash: true, SignMessage: true, VerifyMessage: true}
}

func encrypting() *attr.UsageFlags { return &attr.UsageFlags{Encrypt: true, Decrypt: true} }

func ecdsaSHA256() *alg.Algorithm {
	return &alg.Algorithm{Variant: &alg.Algorithm_AsymmetricSignature_{
		AsymmetricSignature: &alg.Algorithm_AsymmetricSignature{
			Variant: &alg.Algorithm_AsymmetricSignature_Ecdsa_{
				Ecdsa: &alg.Algorithm_AsymmetricSignature_Ecdsa{
					HashAlg: &alg.Algorithm_AsymmetricSignature_SignHash{
						Variant: &alg.Algorithm_AsymmetricSignature_SignHash_Specific{Specific: alg.Algorithm_SHA_256}}}}}}}
}

func oaepSHA256() *alg.Algorithm_AsymmetricEncryption {
	return &alg.Algorithm_AsymmetricEncryption{
		Variant: &alg.Algorithm_AsymmetricEncryption_RsaOaep_{
			RsaOaep: &alg.Algorithm_AsymmetricEncryption_RsaOaep{HashAlg: alg.Algorithm_SHA_256}}}
}

func pkcs1Crypt() *alg.Algorithm_AsymmetricEncryption {
	return &alg.Algorithm_AsymmetricEncryption{
		Variant: &alg.Algorithm_AsymmetricEncryption_RsaPkcs1V15Crypt_{
			RsaPkcs1V15Crypt: &alg.Algorithm_AsymmetricEncryption_RsaPkcs1V15Crypt{}}}
}

func asymmetricEncryption(a *alg.Algorithm_AsymmetricEncryption) *alg.Algorithm {
	return &alg.Algorithm{Variant: &alg.Algorithm_AsymmetricEncryption_{AsymmetricEncryption: a}}
}

func gcm() *alg.Algorithm_Aead {
	return &alg.Algorithm_Aead{Variant: &alg.Algorithm_Aead_AeadWithDefaultLengthTag_{
		AeadWithDefaultLengthTag: alg.Algorithm_Aead_GCM}}
}

func aead(a *alg.Algorithm_Aead) *alg.Algorithm {
	return &alg.Algorithm{Variant: &alg.Algorithm_Aead_{Aead: a}}
}

func cbcPKCS7() *alg.Algorithm {
	return &alg.Algorithm{Variant: &alg.Algorithm_Cipher_{Cipher: alg.Algorithm_CBC_PKCS7}}
}

func ecdh() *alg.Algorithm {
	return &alg.Algorithm{Variant: &alg.Algorithm_KeyAgreement_{
		KeyAgreement: &alg.Algorithm_KeyAgreement{
			Variant: &alg.Algorithm_KeyAgreement_Raw_{Raw: alg.Algorithm_KeyAgreement_ECDH}}}}
}

func hmacSHA256() *alg.Algorithm_Mac {
	return &alg.Algorithm_Mac{Variant: &alg.Algorithm_Mac_FullLength_{
		FullLength: &alg.Algorithm_Mac_FullLength{
			Variant: &alg.Algorithm_Mac_FullLength_Hmac_{
				Hmac: &alg.Algorithm_Mac_FullLength_Hmac{HashAlg: alg.Algorithm_SHA_256}}}}}
}

func mac(a *alg.Algorithm_Mac) *alg.Algorithm {
	return &alg.Algorithm{Variant: &alg.Algorithm_Mac_{Mac: a}}
}

// The upper layer's signing algorithms.
func highECDSA(hash algorithm.HashAlgorithmType) *algorithm.AsymmetricSignatureAlgorithm {
	return algorithm.NewAsymmetricSignature().Ecdsa(hash).GetAsymmetricSignature()
}

func highPKCS1(hash algorithm.HashAlgorithmType) *algorithm.AsymmetricSignatureAlgorithm {
	return algorithm.NewAsymmetricSignature().RsaPkcs1V15Sign(hash).GetAsymmetricSignature()
}

// RSA 2048, PKCS#1 v1.5 with SHA-256, for signing and verifying.
func highRSA() *parsec.KeyAttributes { return parsec.DefaultKeyAttribute().SigningKey() }
