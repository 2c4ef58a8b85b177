//! A URL that is called for each event.

use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderName, HeaderValue, Request, Uri};

use super::message::Message;
use super::options::{Fault, WebhookOptions};
use super::runner::{Deliver, Failure};
use super::template::Templates;
use super::webhook_body::Body;
use crate::error::{Error, Result};

/// Calls the URL.
pub(super) struct Webhook {
    agent: Agent,
    uri: Uri,
    method: String,
    token: String,
    /// Names of headers, which are also those of their templates.
    headers: Vec<HeaderName>,
    templates: Templates,
    body: Body,
    timeout_secs: f64,
}

impl Webhook {
    /// # Errors
    /// `Usage` for what cannot be used.
    pub(super) fn new(options: &WebhookOptions) -> Result<Self> {
        let parts = Parts::of(options)
            .map_err(|(key, why)| Error::usage(format!("{}: {key} cannot be used; {why}", options.name)))?;
        let timeout = Duration::from_secs_f64(options.timeout_secs);
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            // An alarm that is moved elsewhere is a mistake in the settings.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("earwitness/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            agent: config.new_agent(),
            uri: parts.uri,
            method: options.method.clone(),
            token: options.token.0.clone(),
            headers: parts.headers,
            templates: parts.templates,
            body: parts.body,
            timeout_secs: options.timeout_secs,
        })
    }

    fn request(&self, message: &Message) -> Result<Request<Vec<u8>>, String> {
        let fields = message.fields();
        let mut request = Request::builder().method(self.method.as_str()).uri(self.uri.clone());
        for name in &self.headers {
            let text = self.templates.render(name.as_str(), &fields)?;
            request = request.header(name, header_value(&text)?);
        }
        let body = self.body.make(&self.templates, message)?;
        if !self.headers.iter().any(|name| name == "content-type") {
            request = request.header("content-type", body.media_type);
        }
        if !self.token.is_empty() {
            request = request.header("authorization", header_value(&format!("Bearer {}", self.token))?);
        }
        request.body(body.bytes).map_err(|e| e.to_string())
    }
}

impl Deliver for Webhook {
    fn deliver(&mut self, message: &Message) -> Result<(), Failure> {
        let request = self.request(message).map_err(Failure::Never)?;
        let response = self.agent.run(request).map_err(|e| match e {
            ureq::Error::Timeout(_) => Failure::Later(format!("no answer within {} s", self.timeout_secs)),
            e => Failure::Later(format!("the server cannot be reached ({e})")),
        })?;
        let status = response.status();
        let sentence = || format!("the server answers {status}");
        match status.as_u16() {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500..=599 => Err(Failure::Later(sentence())),
            _ => Err(Failure::Never(sentence())),
        }
    }
}

/// What is made of the settings.
struct Parts {
    uri: Uri,
    headers: Vec<HeaderName>,
    templates: Templates,
    body: Body,
}

impl Parts {
    fn of(options: &WebhookOptions) -> Result<Self, Fault> {
        let remedy = "give an address, as in https://ntfy.sh/my-topic";
        let uri: Uri = options.url.0.parse().map_err(|_| ("url", remedy.to_owned()))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(("url", remedy.to_owned()));
        }
        let mut headers = Vec::new();
        let mut texts = Vec::new();
        for line in &options.headers {
            let wrong =
                || ("headers", format!("{line:?} is no header line; give one as in \"Title: {{{{ label }}}}\""));
            let (name, value) = line.split_once(':').ok_or_else(wrong)?;
            let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
            texts.push((name.as_str().to_owned(), value.trim().to_owned()));
            headers.push(name);
        }
        let in_headers = Templates::new(texts.clone()).and_then(|mut templates| templates.try_all());
        in_headers.map_err(|why| ("headers", format!("{why}; correct it")))?;
        let (body, of_body) = Body::of(options)?;
        texts.extend(of_body);
        let key = if options.form.is_empty() { "template" } else { "form" };
        let mut templates = Templates::new(texts).map_err(|why| (key, format!("{why}; correct it")))?;
        templates.try_all().map_err(|why| (key, format!("{why}; correct it")))?;
        Ok(Self { uri, headers, templates, body })
    }
}

/// What is wrong with the settings.
pub(super) fn fault(options: &WebhookOptions) -> Option<Fault> {
    Parts::of(options).err()
}

/// A header's value: one line.
fn header_value(text: &str) -> Result<HeaderValue, String> {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    HeaderValue::from_bytes(line.trim().as_bytes()).map_err(|_| "a header has a value that cannot be sent".to_owned())
}
