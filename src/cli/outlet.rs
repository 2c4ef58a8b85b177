//! Where the interpretation of the first input is played while it happens: ties the playback to the worker.

use std::sync::Arc;

use crate::audio::listen_spec::ListenSpec;
use crate::audio::playback_clock::ListenClock;
use crate::audio::playback_device::{Playback, choose};
use crate::audio::source::{CaptureOptions, InputSpec};
use crate::config::Config;
use crate::engine::listen::Listener;
use crate::engine::worker::{LiveListening, Worker};
use crate::error::{Error, Result};

#[cfg(feature = "jack")]
use crate::audio::jack_out::JackOut;

/// What `--listen` asks for, before the inputs are open and after.
pub(super) struct Outlet {
    spec: ListenSpec,
    clock: Arc<ListenClock>,
    #[cfg(feature = "jack")]
    jack: Option<Arc<JackOut>>,
}

impl Outlet {
    /// # Errors
    /// [`crate::ErrorKind::Usage`] where it cannot be had together with the other settings.
    pub(super) fn of(config: &Config) -> Result<Self> {
        let spec: ListenSpec = config.monitor.listen.parse()?;
        if config.monitor.fast && spec != ListenSpec::Off {
            return Err(Error::usage("--listen plays at the pace of the sound; leave out --fast, or --listen"));
        }
        let clock = Arc::new(ListenClock::default());
        Ok(Self {
            #[cfg(feature = "jack")]
            jack: (spec == ListenSpec::Jack).then(|| Arc::new(JackOut::new(Arc::clone(&clock)))),
            spec,
            clock,
        })
    }

    /// Whether anything is to be played.
    pub(super) fn plays(&self) -> bool {
        self.spec != ListenSpec::Off
    }

    /// The first input is about to be opened: a JACK client gets its port for playing at the same time as the others.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] where JACK is to play and this is no JACK input, or this build has no JACK.
    pub(super) fn offer(&self, input: &InputSpec, options: &mut CaptureOptions) -> Result<()> {
        if self.spec != ListenSpec::Jack {
            return Ok(());
        }
        if !matches!(input, InputSpec::Jack(_)) {
            return Err(Error::usage(format!(
                "--listen jack plays on the JACK client of the first input, which is {input}; make a jack input the first, or use \
                 --listen device"
            )));
        }
        #[cfg(feature = "jack")]
        {
            options.jack_out.clone_from(&self.jack);
            Ok(())
        }
        #[cfg(not(feature = "jack"))]
        {
            let _ = options;
            Err(Error::usage(
                "this build has no JACK to play on; build it with the feature jack, or use --listen device",
            ))
        }
    }

    /// Plays, for as long as what is given back lives.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Output`] where the playback device cannot be used.
    pub(super) fn listen(self, worker: Worker) -> Result<(Worker, Option<Playback>)> {
        let Some((geometry, model_rate, input_rate)) = worker.first_input() else { return Ok((worker, None)) };
        let device = match self.spec {
            ListenSpec::Off => return Ok((worker, None)),
            ListenSpec::Device(_) => Some(choose(&self.spec)?),
            // The port has the rate of the client's other ports.
            ListenSpec::Jack => None,
        };
        let rate = device.as_ref().map_or(input_rate, |device| device.rate());
        let delay_secs = Listener::delay_secs(&geometry, model_rate, rate);
        let (push, pull) = Listener::ring(&geometry, model_rate, rate);
        let listener = Listener::new(&geometry, model_rate, push)?;
        let mut trouble: Box<dyn Fn() -> Option<String> + Send> = Box::new(|| None);
        let playback = match device {
            Some(device) => {
                let playback = device.start(pull, Arc::clone(&self.clock), input_rate)?;
                trouble = Box::new(playback.watcher());
                Some(playback)
            }
            None => {
                #[cfg(feature = "jack")]
                if let Some(jack) = &self.jack {
                    jack.play(pull);
                }
                None
            }
        };
        let output = self.spec.to_string();
        let live = LiveListening { listener, clock: Some(self.clock), output, delay_secs, trouble };
        Ok((worker.with_listening(live), playback))
    }
}
