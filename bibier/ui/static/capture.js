// @ts-check
// The microphone: one channel at the device's own rate, as it is heard, in 16 bits. Runs after page.js.
(() => {
  const SECONDS = 3600; // a recording is no longer: more than that is never judged
  const LEVEL = 0.05; // s between two levels
  const BLOCK = 0.25; // s of a block
  const PATIENCE = 500; // ms for the last samples

  // Runs in the audio thread, where nothing of this page is known: it gets its numbers from `options`.
  const WORKLET = `
    registerProcessor("bibier-capture", class extends AudioWorkletProcessor {
      constructor({ processorOptions: { frames } }) {
        super();
        this.frames = frames;
        this.going = true;
        this.clear();
        this.port.onmessage = () => {
          this.going = false;
          this.send();
          this.port.postMessage(null);
        };
      }
      clear() {
        this.samples = new Int16Array(this.frames);
        this.used = 0;
        this.power = 0;
      }
      send() {
        const { samples, used, power } = this;
        if (!used) return;
        const part = used === samples.length ? samples : samples.slice(0, used);
        this.clear();
        this.port.postMessage({ samples: part, level: Math.sqrt(power / used) }, [part.buffer]);
      }
      process([channels]) {
        if (!this.going) return false;
        const length = channels.length ? channels[0].length : 128; // none: the device gives nothing, time goes on
        for (let i = 0; i < length; i += 1) {
          let sample = 0;
          for (const channel of channels) sample += channel[i] / channels.length;
          this.power += sample * sample;
          this.samples[this.used] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
          this.used += 1;
          if (this.used === this.frames) this.send();
        }
        return true;
      }
    });`;

  /** An error whose `key` is that of a sentence of the page.
   * @param {string} key
   * @param {unknown} [cause]
   */
  const failure = (key, cause) => Object.assign(new Error(key, { cause }), { key });
  /** @param {unknown} error */
  const keyOf = (error) => {
    const name = error instanceof DOMException ? error.name : "";
    if (["NotAllowedError", "SecurityError"].includes(name)) return "mic_denied";
    return ["NotFoundError", "OverconstrainedError"].includes(name) ? "mic_missing" : "mic_busy";
  };

  /** 16-bit samples of one channel as a wav file.
   * @param {Int16Array<ArrayBuffer>[]} parts
   * @param {number} rate
   */
  const wav = (parts, rate) => {
    const bytes = 2 * parts.reduce((sum, part) => sum + part.length, 0);
    const head = new DataView(new ArrayBuffer(44));
    /** @type {(at: number, name: string) => void} */
    const put = (at, name) => [...name].forEach((letter, i) => head.setUint8(at + i, letter.charCodeAt(0)));
    put(0, "RIFF");
    head.setUint32(4, 36 + bytes, true);
    put(8, "WAVEfmt ");
    head.setUint32(16, 16, true); // bytes of what describes the samples
    head.setUint16(20, 1, true); // whole numbers
    head.setUint16(22, 1, true); // channels
    head.setUint32(24, rate, true);
    head.setUint32(28, 2 * rate, true); // bytes a second
    head.setUint16(32, 2, true); // bytes of a sample of all channels
    head.setUint16(34, 16, true); // bits of one
    put(36, "data");
    head.setUint32(40, bytes, true);
    return new Blob([head, ...parts], { type: "audio/wav" });
  };

  /** @param {Int16Array<ArrayBuffer>[]} parts */
  const joined = (parts) => {
    const whole = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { whole.set(part, at); at += part.length; }
    return whole;
  };

  bibier.capture = {
    SECONDS,
    async start({ onLevel = () => {}, onBlock = () => {}, onEnd = () => {}, seconds = SECONDS } = {}) {
      /** @type {MediaDevices | undefined} */
      const devices = navigator.mediaDevices; // only on https and localhost
      if (!devices?.getUserMedia || !window.AudioWorkletNode) throw failure("mic_insecure");
      /** @type {MediaStream | undefined} */
      let stream;
      /** @type {AudioContext | undefined} */
      let context;
      let ended = false;
      const release = () => {
        ended = true;
        stream?.getTracks().forEach((track) => track.stop());
        if (context && context.state !== "closed") void context.close();
      };
      const address = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
      /** @type {AudioWorkletNode} */
      let node;
      let rate = 0; // Hz
      try {
        // speech processing distorts what a voice expresses
        const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
        stream = await devices.getUserMedia({ audio: plain });
        context = new AudioContext();
        rate = context.sampleRate;
        await context.audioWorklet.addModule(address);
        node = new AudioWorkletNode(context, "bibier-capture", {
          processorOptions: { frames: Math.round(LEVEL * rate) } });
        context.createMediaStreamSource(stream).connect(node).connect(context.destination); // which hears silence
        await context.resume();
      } catch (error) {
        release();
        throw failure(keyOf(error), error);
      } finally {
        URL.revokeObjectURL(address);
      }

      /** @type {Int16Array<ArrayBuffer>[]} */
      const kept = []; // blocks
      /** @type {Int16Array<ArrayBuffer>[]} */
      let open = []; // of the block that is not full
      let length = 0, waiting = 0; // samples: of all, of `open`
      let last = () => {}; // resolved when the last samples are here
      const close = () => {
        if (!waiting) return;
        const block = joined(open);
        open = [];
        waiting = 0;
        kept.push(block);
        onBlock(block, rate);
      };
      const most = Math.floor(seconds * rate); // samples
      node.port.onmessage = ({ data }) => {
        if (data === null) { last(); return; }
        if (ended) return;
        const room = most - length;
        const part = data.samples.length > room ? data.samples.slice(0, room) : data.samples;
        open.push(part);
        waiting += part.length;
        length += part.length;
        if (waiting >= BLOCK * rate || length >= most) close();
        onLevel(data.level);
        if (length >= most) finish("mic_full");
      };
      /** @param {string} key */
      const finish = (key) => { // what was heard until now is kept for `stop`
        if (ended) return;
        close();
        release();
        onEnd(key);
      };
      for (const track of stream.getTracks()) track.onended = () => finish("mic_gone");

      return {
        rate,
        get seconds() { return length / rate; },
        async stop() {
          if (!ended) {
            await Promise.race([
              new Promise((resolve) => { last = () => resolve(null); node.port.postMessage(null); }),
              new Promise((resolve) => { setTimeout(resolve, PATIENCE); }), // the device no longer answers
            ]);
            close();
            release();
          }
          return wav(kept, rate);
        },
        cancel() {
          release();
          kept.length = 0;
          open = [];
          waiting = length = 0;
        },
      };
    },
  };
})();
