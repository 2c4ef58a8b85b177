// Plays tracks that are aligned to the sample: all run at once, one is heard. Switching therefore keeps the position.

const FADE_SECS = 0.008;

class Player {
  constructor(changed) {
    this.changed = changed;
    this.context = null;
    this.tracks = new Map();
    this.name = "";
    this.offset = 0;
    this.startedAt = 0;
    this.running = null;
    this.loop = false;
  }

  /** Replaces what can be played: a map of names to `{rate, samples}`. */
  load(tracks, name) {
    this.stop();
    this.tracks = tracks;
    this.name = tracks.has(name) ? name : tracks.keys().next().value ?? "";
    this.offset = 0;
    this.changed();
  }

  get playing() { return this.running !== null; }

  get duration() {
    const track = this.tracks.get(this.name);
    return track ? track.samples.length / track.rate : 0;
  }

  get position() {
    if (!this.running) return this.offset;
    const at = this.offset + Math.max(0, this.context.currentTime - this.startedAt);
    return this.loop ? at % Math.max(this.duration, 1e-3) : Math.min(at, this.duration);
  }

  async play(name, from) {
    if (!this.tracks.has(name)) return;
    const at = from ?? this.position;
    this.stop();
    this.name = name;
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") await this.context.resume();
    // Another key may have come meanwhile.
    if (this.running) this.stop();
    this.offset = at >= this.duration - 0.01 ? 0 : at;
    const gains = new Map();
    const sources = [];
    this.startedAt = this.context.currentTime + 0.02;
    for (const [key, track] of this.tracks) {
      const buffer = this.context.createBuffer(1, track.samples.length, track.rate);
      buffer.copyToChannel(track.samples, 0);
      const source = this.context.createBufferSource();
      const gain = this.context.createGain();
      gain.gain.value = key === name ? 1 : 0;
      source.buffer = buffer;
      source.loop = this.loop;
      source.connect(gain).connect(this.context.destination);
      source.start(this.startedAt, Math.min(this.offset, buffer.duration));
      gains.set(key, gain);
      sources.push(source);
    }
    const run = { gains, sources };
    this.running = run;
    for (const source of sources) {
      source.onended = () => {
        if (this.running === run && this.context.currentTime - this.startedAt >= this.duration - this.offset - 0.05) {
          this.stop();
          this.offset = 0;
          this.changed();
        }
      };
    }
    this.changed();
  }

  /** Hears another track from here on, without a gap. */
  choose(name) {
    if (!this.tracks.has(name)) return;
    this.name = name;
    if (this.running) {
      const now = this.context.currentTime;
      for (const [key, { gain }] of this.running.gains) {
        gain.cancelScheduledValues(now);
        gain.setValueAtTime(gain.value, now);
        gain.linearRampToValueAtTime(key === name ? 1 : 0, now + FADE_SECS);
      }
    }
    this.changed();
  }

  /** Stops where it is. */
  stop() {
    if (!this.running) return;
    this.offset = this.position;
    const { sources } = this.running;
    this.running = null;
    for (const source of sources) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    this.changed();
  }

  seek(secs) {
    const at = Math.min(Math.max(secs, 0), this.duration);
    if (this.running) {
      this.play(this.name, at);
    } else {
      this.offset = at;
      this.changed();
    }
  }

  setLoop(loop) {
    const was = this.running;
    const at = this.position;
    this.loop = loop;
    if (was) this.play(this.name, at);
  }
}
