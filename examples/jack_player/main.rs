//! Plays a recording into JACK and records what comes back: how the live path is tried with a real server and without a
//! sound card.
//!
//! ```sh
//! jackd -r -n test -d dummy -r 48000 -p 512 &
//! export JACK_DEFAULT_SERVER=test JACK_NO_START_SERVER=1
//! earwitness monitor --input jack:player:out --listen jack --record events --ui jsonl &
//! cargo run --example jack_player -- yard.wav 1 back.wav
//! ```
//!
//! Arguments: the recording, how often to play it, and where to write what the port `earwitness:interpretation` played.
//! Prints where both lie on the server's frame count.

#![allow(clippy::print_stdout)]

#[cfg(feature = "jack")]
mod client;

#[cfg(feature = "jack")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use earwitness::dsp::resample;
    use earwitness::media::decode::read_recording;
    use earwitness::units::SampleRate;

    let args: Vec<String> = std::env::args().skip(1).collect();
    let file = args.first().ok_or("say which recording to play")?;
    let times: usize = args.get(1).map_or(Ok(1), |n| n.parse())?;
    let recording = read_recording(file.as_ref())?;
    let rate = SampleRate::new(jack_rate()?).ok_or("the JACK server has no rate")?;
    let samples = resample(&recording.mono(), recording.sample_rate, rate)?.repeat(times.max(1));
    let secs = rate.secs(samples.len() as u64);
    let from = args.get(2).map(|_| "earwitness:interpretation");
    let session = client::play(samples, None, from, 5.0)?;
    if let Some(back) = args.get(2) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: session.rate,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut wav = hound::WavWriter::create(back, spec)?;
        for sample in &session.recorded {
            wav.write_sample(*sample)?;
        }
        wav.finalize()?;
    }
    println!(
        "{{\"played_s\":{secs:.3},\"play_start_frame\":{},\"record_start_frame\":{},\"xruns\":{}}}",
        session.play_start, session.record_start, session.xruns
    );
    Ok(())
}

#[cfg(feature = "jack")]
fn jack_rate() -> Result<u32, String> {
    let (client, _) =
        jack::Client::new("rate", jack::ClientOptions::NO_START_SERVER).map_err(|e| format!("no JACK server ({e})"))?;
    Ok(client.sample_rate())
}

#[cfg(not(feature = "jack"))]
fn main() {
    println!("this build has no JACK; build the example with the feature jack");
}
