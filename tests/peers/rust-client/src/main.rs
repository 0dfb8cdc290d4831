// SPDX-License-Identifier: Apache-2.0

//! rust-client walks Parsec's Rust client, unchanged, through a service: what works and, with the
//! exact status, what is refused.  One line per step: "ok STEP", "skip STEP: why" or
//! "FAIL STEP: why".
//!
//! PARSEC_SERVICE_ENDPOINT names the socket, as for every Parsec client; `--auth spiffe` asks
//! SPIFFE_ENDPOINT_SOCKET for a token per request.  Exit: 0 good, 1 a step failed, 2 usage.

mod keys;
mod more;
mod sign;
mod tester;

use parsec_client::auth::Authentication;
use parsec_client::core::interface::requests::ProviderId;
use std::convert::TryFrom;
use tester::Tester;

const USAGE: &str = "usage: rust-client [--provider N] [--auth direct:NAME|unix|spiffe] \
[--other NAME] [--only GROUP,...] [--prefix TEXT]
  --provider  1 Mbed Crypto (default), 2 PKCS#11, 3 TPM
  --auth      how to authenticate (default unix; spiffe only if built with it)
  --other     a Direct application that has a tenant, but not our keys
  --only      groups of steps, of core,ecc,rsa,more (core always runs)
  --prefix    of key names (default: this process)";

struct Options {
    provider: ProviderId,
    auth: Authentication,
    other: Option<String>,
    only: Vec<String>,
    prefix: String,
}

fn parse_auth(text: &str) -> Result<Authentication, String> {
    match (text, text.strip_prefix("direct:")) {
        ("unix", _) => Ok(Authentication::UnixPeerCredentials),
        (_, Some(name)) => Ok(Authentication::Direct(name.to_string())),
        #[cfg(feature = "spiffe")]
        ("spiffe", _) => match std::env::var("SPIFFE_ENDPOINT_SOCKET") {
            Ok(_) => Ok(Authentication::JwtSvid),
            // The client would panic.
            Err(_) => Err("SPIFFE_ENDPOINT_SOCKET is not set".to_string()),
        },
        _ => Err(format!("--auth {text}: not known to this build")),
    }
}

fn parse_provider(text: &str) -> Result<ProviderId, String> {
    let number: u8 = text.parse().map_err(|_| format!("--provider {text}"))?;
    match ProviderId::try_from(number) {
        Ok(id) if id != ProviderId::Core => Ok(id),
        _ => Err(format!("--provider {text}: no crypto provider")),
    }
}

fn parse() -> Result<Options, String> {
    let mut options = Options {
        provider: ProviderId::MbedCrypto,
        auth: Authentication::UnixPeerCredentials,
        other: None,
        only: vec!["ecc".into(), "rsa".into(), "more".into()],
        prefix: format!("rust-{}", std::process::id()),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        // --option VALUE or --option=VALUE
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name.to_string(), Some(value.to_string())),
            None => (argument, None),
        };
        if name == "--help" {
            println!("{USAGE}");
            std::process::exit(0);
        }
        let value = inline.or_else(|| arguments.next()).ok_or(format!("{name} needs a value"))?;
        match name.as_str() {
            "--provider" => options.provider = parse_provider(&value)?,
            "--auth" => options.auth = parse_auth(&value)?,
            "--other" => options.other = Some(value),
            "--only" => options.only = value.split(',').map(String::from).collect(),
            "--prefix" => options.prefix = value,
            _ => return Err(format!("{name}: no such option")),
        }
    }
    match options.only.iter().find(|g| !["core", "ecc", "rsa", "more"].contains(&g.as_str())) {
        Some(group) => Err(format!("no such group: {group}")),
        None => Ok(options),
    }
}

fn main() {
    let options = parse().unwrap_or_else(|why| {
        eprintln!("rust-client: {why}\n{USAGE}");
        std::process::exit(2);
    });

    let mut t = Tester::new(options.provider, options.auth, options.other, options.prefix);
    if sign::core(&mut t) {
        for group in &options.only {
            match group.as_str() {
                "ecc" => sign::ecc(&mut t),
                "rsa" => sign::rsa(&mut t),
                "more" => more::all(&mut t),
                _ => (),
            }
        }
    }
    std::process::exit(i32::from(t.failed));
}
