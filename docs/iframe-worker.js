/* Search for a site that lies on a disk. A browser starts no worker for a file, so there the worker's script runs in a hidden
   frame, and answers as a worker would. The theme looks for this name. */
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.appendChild(frame)
      const inside = frame.contentWindow
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.importScripts = (...urls) => urls.reduce((before, each) => before.then(() => this.load(each)), Promise.resolve())
      this.frame = frame
      this.ready = this.load(url)
    }
    load(url) {
      return new Promise((loaded, failed) => {
        const inside = this.frame.contentDocument
        const script = inside.createElement("script")
        Object.assign(script, { src: url, onload: loaded, onerror: failed })
        inside.body.appendChild(script)
      })
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })))
    }
    terminate() {
      this.frame.remove()
    }
  }
}
