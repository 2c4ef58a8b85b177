// Asking the server, with the token where it wants one.

const TOKEN_STORE = "earwitness-token";
const NO_TOKEN = "The server was started without a token, so that nothing can be changed here.";

/** An answer that is no. Its message is a sentence for people. */
class Refused extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

let token = "";
/** The answer to the question for a token that is being asked, true where one was given. */
let asking = null;
let answerToken = () => {};

/** Some browsers keep nothing: then the token lasts as long as the page. */
function recallToken() {
  try {
    token = sessionStorage.getItem(TOKEN_STORE) ?? localStorage.getItem(TOKEN_STORE) ?? "";
  } catch {
    token = "";
  }
}

function keepToken(text, remember) {
  token = text;
  try {
    sessionStorage.removeItem(TOKEN_STORE);
    localStorage.removeItem(TOKEN_STORE);
    if (text !== "") (remember ? localStorage : sessionStorage).setItem(TOKEN_STORE, text);
  } catch {
    // It lasts as long as the page.
  }
}

/** Asks for the token, once for all that wait for it. */
function askForToken(why) {
  asking ??= new Promise((resolve) => {
    answerToken = resolve;
    $("t-why").textContent = why;
    $("t-token").value = "";
    $("t-forget").hidden = token === "";
    $("token-dialog").showModal();
    $("t-token").focus();
  }).finally(() => {
    asking = null;
  });
  return asking;
}

async function sentenceOf(answer) {
  const text = asText(asObject(await answer.json().catch(() => null)).error);
  return text || `The server says ${answer.status}.`;
}

/** Asks the server for `path`. Where it wants a token, people are asked for one, unless `quiet`. */
async function ask(path, { quiet = false, headers = {}, ...options } = {}) {
  for (;;) {
    const sent = token;
    const sentHeaders = sent === "" ? headers : { ...headers, authorization: `Bearer ${sent}` };
    let answer;
    try {
      answer = await fetch(path, { cache: "no-store", ...options, headers: sentHeaders });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Refused("The server does not answer.", 0);
    }
    if (answer.ok) return answer;
    const sentence = await sentenceOf(answer);
    if (answer.status !== 401) throw new Refused(sentence, answer.status);
    // Another question may have brought one meanwhile.
    if (token !== sent) continue;
    if (quiet || !(await askForToken(sent === "" ? "The server wants its token for this." : "The server does not take this token."))) throw new Refused(sentence, 401);
  }
}

/** Asks the server to change something. */
function change(path, what) {
  return ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(what) });
}

function startToken() {
  recallToken();
  const dialog = $("token-dialog");
  $("t-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("t-token").value.trim();
    // Nothing else can stand in a header.
    const fits = /^[\x21-\x7e]+$/.test(text);
    $("t-token").setCustomValidity(fits ? "" : "A token has letters, digits and signs, and no spaces.");
    if (!fits) return $("t-token").reportValidity();
    keepToken(text, $("t-remember").checked);
    answerToken(true);
    dialog.close();
  });
  $("t-token").addEventListener("input", () => $("t-token").setCustomValidity(""));
  $("t-forget").addEventListener("click", () => {
    keepToken("", false);
    dialog.close();
  });
  $("t-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => answerToken(false));
  $("open-token").addEventListener("click", () => askForToken("With the server's token, thresholds and marks can be changed here."));
}
