// SPDX-License-Identifier: Apache-2.0

//! Key attributes and algorithms, and ring's own opinion of signatures.

use parsec_client::core::interface::operations::psa_algorithm::{
    Aead, AeadWithDefaultLengthTag, Algorithm, AsymmetricEncryption, AsymmetricSignature, Hash,
    KeyAgreement, RawKeyAgreement,
};
use parsec_client::core::interface::operations::psa_key_attributes::{
    Attributes, EccFamily, Lifetime, Policy, Type, UsageFlags,
};
use ring::signature::{self, UnparsedPublicKey};

pub const ECC_PAIR: Type = Type::EccKeyPair { curve_family: EccFamily::SecpR1 };
pub const ECC_PUBLIC: Type = Type::EccPublicKey { curve_family: EccFamily::SecpR1 };
pub const OAEP: AsymmetricEncryption = AsymmetricEncryption::RsaOaep { hash_alg: Hash::Sha256 };
pub const PKCS1: AsymmetricEncryption = AsymmetricEncryption::RsaPkcs1v15Crypt;
pub const GCM: Aead = Aead::AeadWithDefaultLengthTag(AeadWithDefaultLengthTag::Gcm);
pub const ECDH: KeyAgreement = KeyAgreement::Raw(RawKeyAgreement::Ecdh);

pub fn attributes(
    key_type: Type,
    bits: usize,
    usage_flags: UsageFlags,
    algorithm: impl Into<Algorithm>,
) -> Attributes {
    Attributes {
        lifetime: Lifetime::Persistent,
        key_type,
        bits,
        policy: Policy { usage_flags, permitted_algorithms: algorithm.into() },
    }
}

pub fn signing() -> UsageFlags {
    let mut usage = verifying();
    usage.set_sign_hash().set_sign_message();
    usage
}

pub fn verifying() -> UsageFlags {
    let mut usage = UsageFlags::default();
    usage.set_verify_hash().set_verify_message();
    usage
}

pub fn encrypting() -> UsageFlags {
    let mut usage = UsageFlags::default();
    usage.set_encrypt().set_decrypt();
    usage
}

pub fn deriving() -> UsageFlags {
    let mut usage = UsageFlags::default();
    usage.set_derive();
    usage
}

pub fn ecdsa(hash: Hash) -> AsymmetricSignature {
    AsymmetricSignature::Ecdsa { hash_alg: hash.into() }
}

pub fn pkcs1(hash: Hash) -> AsymmetricSignature {
    AsymmetricSignature::RsaPkcs1v15Sign { hash_alg: hash.into() }
}

pub fn sha256(message: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, message).as_ref().to_vec()
}

pub fn sha512(message: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA512, message).as_ref().to_vec()
}

/// Public key as the uncompressed point, signature as r and s.
pub fn verify_ecc(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, public)
        .verify(message, signature)
        .is_ok()
}

/// Public key as PKCS#1 DER.
pub fn verify_rsa(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    signature.len() == 256
        && UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, public)
            .verify(message, signature)
            .is_ok()
}
