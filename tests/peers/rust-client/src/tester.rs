// SPDX-License-Identifier: Apache-2.0

//! The client under test, and the judge of each call.

use parsec_client::auth::Authentication;
use parsec_client::core::interface::requests::{Opcode, ProviderId, ResponseStatus};
use parsec_client::error::{Error, Result};
use parsec_client::BasicClient;
use std::collections::HashSet;
use std::fmt::Display;

pub struct Tester {
    /// None: the socket is not there, which the first step reports.
    client: Option<BasicClient>,
    why_none: String,
    pub provider: ProviderId,
    pub auth: Authentication,
    /// Further crypto providers of the service.
    pub others: Vec<ProviderId>,
    /// What the service lists for our provider.
    pub opcodes: HashSet<Opcode>,
    pub other_name: Option<String>,
    pub prefix: String,
    pub failed: bool,
}

impl Tester {
    pub fn new(
        provider: ProviderId,
        auth: Authentication,
        other_name: Option<String>,
        prefix: String,
    ) -> Tester {
        let (client, why_none) = match BasicClient::new_naked() {
            Ok(client) => (Some(client), String::new()),
            Err(e) => (None, e.to_string()),
        };
        let mut t = Tester {
            client,
            why_none,
            provider,
            auth,
            others: Vec::new(),
            opcodes: HashSet::new(),
            other_name,
            prefix,
            failed: false,
        };
        t.as_ourselves();
        t
    }

    /// Is there a client at all?
    pub fn connected(&mut self) -> bool {
        let why = self.why_none.clone();
        self.check("connect", self.client.is_some(), why)
    }

    pub fn client(&self) -> &BasicClient {
        self.client.as_ref().expect("checked by connected()")
    }

    pub fn as_ourselves(&mut self) {
        self.act_as(self.provider, self.auth.clone());
    }

    /// Until as_ourselves(), speak to another provider or as somebody else.
    pub fn act_as(&mut self, provider: ProviderId, auth: Authentication) {
        if let Some(client) = self.client.as_mut() {
            client.set_implicit_provider(provider);
            client.set_auth_data(auth);
        }
    }

    pub fn name(&self, kind: &str) -> String {
        format!("{}-{}", self.prefix, kind)
    }

    pub fn check(&mut self, step: &str, good: bool, why: impl Display) -> bool {
        if good {
            println!("ok {step}");
        } else {
            println!("FAIL {step}: {why}");
            self.failed = true;
        }
        good
    }

    pub fn skip(&self, step: &str, why: &str) {
        println!("skip {step}: {why}");
    }

    /// The call worked; its result.
    pub fn works<T>(&mut self, step: &str, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => {
                self.check(step, true, "");
                Some(value)
            }
            Err(e) => {
                self.check(step, false, format!("{e:?}"));
                None
            }
        }
    }

    /// The service refused the call with exactly this status.
    pub fn refused<T>(&mut self, step: &str, status: ResponseStatus, result: Result<T>) {
        match result {
            Ok(_) => self.check(step, false, format!("no refusal where {status:?} is due")),
            Err(Error::Service(got)) if got == status => self.check(step, true, ""),
            Err(e) => self.check(step, false, format!("{e:?}, not {status:?}")),
        };
    }

    /// As works(), for calls that a device may lack for this type of key or algorithm, although
    /// their opcode is listed (a token without OAEP, say): "not supported" only skips.
    pub fn may_work<T>(&mut self, step: &str, result: Result<T>) -> Option<T> {
        if let Err(Error::Service(ResponseStatus::PsaErrorNotSupported)) = result {
            self.skip(step, "not supported for this key and algorithm");
            return None;
        }
        self.works(step, result)
    }

    pub fn makes(&mut self, step: &str, result: Result<()>) -> bool {
        self.may_work(step, result).is_some()
    }

    pub fn destroy(&mut self, step: &str, name: &str) {
        let result = self.client().psa_destroy_key(name);
        self.works(&format!("{step}-destroy"), result);
    }
}
