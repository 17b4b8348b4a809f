//! What a Langflow server streams while a flow runs, read into an answer.
//!
//! All streams are JSON objects with a line each: `lfx serve` and the newer API put `data:` in front of it as
//! server-sent events do, the older API does not. A whole message comes two to four times, and the first piece
//! of an answer twice, so text is taken from `token` events alone while it is said, and from the outputs at the end.

use std::collections::{HashMap, HashSet};

use flow::RemoteFlow;
use serde_json::Value;
use services::ports::{RunEvent, RunOutput};

/// The most bytes of one event.
const EVENT_BYTES: usize = 8 * 1024 * 1024;
/// The most bytes of a stream: everything in it is said several times.
const STREAM_BYTES: usize = 64 * 1024 * 1024;

/// Why a stream gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A component of the flow failed; what the server says of it.
    Flow(String),
    /// The stream itself is no good.
    Stream(&'static str),
}

/// The events of a stream out of its bytes, which may be cut anywhere.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    seen: usize,
}

impl Events {
    /// Takes bytes, or the end, and returns the events that they complete.
    pub(super) fn push(&mut self, bytes: Option<&[u8]>) -> Result<Vec<Value>, Failure> {
        let bytes = bytes.unwrap_or(b"\n");
        self.seen += bytes.len();
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let line = line.trim_ascii();
                let object = line.strip_prefix(b"data:").unwrap_or(line).trim_ascii();
                // What is no object is the frame around the events: `id: 3`, an empty line.
                events.extend(object.starts_with(b"{").then(|| serde_json::from_slice(object).ok()).flatten());
            }
        }
        if self.line.len() > EVENT_BYTES || self.seen > STREAM_BYTES {
            return Err(Failure::Stream("it is too long"));
        }
        Ok(events)
    }
}

/// An answer that is being said.
#[derive(Debug)]
pub(super) struct Answer<'f> {
    flow: &'f RemoteFlow,
    /// The agent's messages, in the order of their beginning.
    messages: Vec<Said>,
    /// What each output said, by component.
    outputs: HashMap<String, String>,
    /// Tokens read and written, by component.
    spent: HashMap<String, (i64, i64)>,
    /// The components that were announced as steps.
    announced: HashSet<String>,
    /// The message whose pieces are passed on.
    speaking: Option<String>,
    streamed: String,
    ended: bool,
}

/// A message of the agent.
#[derive(Debug)]
struct Said {
    id: String,
    text: String,
    spent: Option<(i64, i64)>,
    /// How many uses of tools were announced.
    tools: usize,
}

impl<'f> Answer<'f> {
    /// Begins the answer of a flow.
    pub(super) fn new(flow: &'f RemoteFlow) -> Self {
        Self {
            flow,
            messages: Vec::new(),
            outputs: HashMap::new(),
            spent: HashMap::new(),
            announced: HashSet::new(),
            speaking: None,
            streamed: String::new(),
            ended: false,
        }
    }

    /// Takes an event and returns what the caller is told.
    pub(super) fn take(&mut self, event: &Value) -> Result<Vec<RunEvent>, Failure> {
        let data = &event["data"];
        Ok(match event["event"].as_str().unwrap_or_default() {
            "token" => self.token(data).into_iter().collect(),
            "add_message" => self.message(data),
            "build_start" => self.step(&data["id"]).into_iter().collect(),
            "end_vertex" => {
                let vertex = &data["build_data"];
                if vertex["valid"] == false {
                    return Err(Failure::Flow(said(&vertex["params"])));
                }
                let step = self.step(&vertex["id"]);
                self.component(&vertex["id"], &vertex["data"]);
                step.into_iter().collect()
            }
            "output" => {
                if let (Some(id), Some(text)) = (data["component_id"].as_str(), data["content"].as_str()) {
                    self.outputs.insert(id.to_owned(), text.to_owned());
                }
                Vec::new()
            }
            // Langflow says `end` after an error, too, and takes seconds until then.
            "error" => {
                return Err(Failure::Flow(said(if data["error"].is_string() {
                    &data["error"]
                } else {
                    &data["text"]
                })));
            }
            "end" => {
                self.ended = true;
                let runs = data["result"]["outputs"].as_array();
                for output in runs.into_iter().flatten().filter_map(|run| run["outputs"].as_array()).flatten() {
                    self.component(&output["component_id"], output);
                }
                Vec::new()
            }
            _ => Vec::new(),
        })
    }

    /// Returns the whole, and the part of it that was not passed on in pieces.
    pub(super) fn finish(self) -> Result<(RunOutput, Option<RunEvent>), Failure> {
        if !self.ended {
            return Err(Failure::Stream("it ended in the middle"));
        }
        let said = self.flow.answering().into_iter().filter_map(|id| self.outputs.get(id)).map(String::as_str);
        let said: Vec<&str> = said.filter(|text| !text.is_empty()).collect();
        let text = match (said.is_empty(), self.messages.last()) {
            (true, Some(last)) => last.text.clone(),
            _ => said.join("\n\n"),
        };
        let by_message = self.messages.iter().filter_map(|message| message.spent);
        let spent: Vec<(i64, i64)> =
            if self.spent.is_empty() { by_message.collect() } else { self.spent.into_values().collect() };
        let rest = text.strip_prefix(&self.streamed).filter(|rest| !rest.is_empty()).map(str::to_owned);
        let output = RunOutput {
            text,
            input_tokens: spent.iter().map(|(read, _)| read).sum(),
            output_tokens: spent.iter().map(|(_, written)| written).sum(),
            ..RunOutput::default()
        };
        Ok((output, rest.map(RunEvent::Token)))
    }

    fn token(&mut self, data: &Value) -> Option<RunEvent> {
        let (piece, id) = (data["chunk"].as_str()?, data["id"].as_str().unwrap_or_default());
        if piece.is_empty() || self.speaking.get_or_insert_with(|| id.to_owned()) != id {
            return None;
        }
        self.streamed.push_str(piece);
        Some(RunEvent::Token(piece.to_owned()))
    }

    /// Takes a message; the same one comes again with more in it.
    fn message(&mut self, data: &Value) -> Vec<RunEvent> {
        if data["sender"] != "Machine" || data["category"] == "error" {
            return Vec::new();
        }
        let id = data["id"].as_str().unwrap_or_default();
        let at = self.messages.iter().position(|message| message.id == id).unwrap_or_else(|| {
            self.messages.push(Said { id: id.to_owned(), text: String::new(), spent: None, tools: 0 });
            self.messages.len() - 1
        });
        let message = &mut self.messages[at];
        data["text"].as_str().unwrap_or_default().clone_into(&mut message.text);
        message.spent = usage(&data["properties"]["usage"]).or(message.spent);
        let blocks = data["content_blocks"].as_array().into_iter().flatten();
        let uses = blocks.filter_map(|block| block["contents"].as_array()).flatten();
        let tools: Vec<&str> = uses
            .filter(|content| content["type"] == "tool_use")
            .filter_map(|content| content["name"].as_str())
            .collect();
        let fresh = tools.iter().skip(message.tools).map(|tool| RunEvent::Step((*tool).to_owned())).collect();
        message.tools = message.tools.max(tools.len());
        fresh
    }

    /// Names a component that begins; the name is the one that the flow has with us.
    fn step(&mut self, id: &Value) -> Option<RunEvent> {
        let node = self.flow.flow().node(id.as_str()?)?;
        self.announced.insert(node.id.clone()).then(|| RunEvent::Step(node.display_name.clone()))
    }

    fn component(&mut self, id: &Value, data: &Value) {
        let Some(id) = id.as_str() else { return };
        if let Some(spent) = usage(&data["token_usage"]) {
            self.spent.insert(id.to_owned(), spent);
        }
        if let Some(text) = text_of(data) {
            self.outputs.insert(id.to_owned(), text.to_owned());
        }
    }
}

/// Finds the text of a component's result, which has it in several places.
fn text_of(result: &Value) -> Option<&str> {
    let places = ["/results/message/text", "/results/text/text", "/messages/0/message"];
    let outputs = result["outputs"].as_object().into_iter().flatten().filter_map(|(_, it)| it["message"].as_str());
    places.iter().find_map(|place| result.pointer(place)?.as_str()).or_else(|| outputs.into_iter().next())
}

fn usage(value: &Value) -> Option<(i64, i64)> {
    let count = |name: &str| value[name].as_i64().unwrap_or_default().max(0);
    value.is_object().then(|| (count("input_tokens"), count("output_tokens")))
}

fn said(text: &Value) -> String {
    text.as_str().unwrap_or("it does not say why").to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flow() -> RemoteFlow {
        let node = |id: &str, kind: &str| json!({"id": id, "data": {"id": id, "type": kind, "node": {"display_name": kind, "template": {}, "outputs": []}}});
        let nodes = [node("in", "ChatInput"), node("lm", "LanguageModelComponent"), node("out", "ChatOutput")];
        RemoteFlow::read(json!({"name": "x", "data": {"nodes": nodes, "edges": []}})).expect("a flow")
    }

    fn message(id: &str, text: &str, usage: &Value) -> Value {
        json!({"event": "add_message", "data": {"id": id, "sender": "Machine", "text": text, "category": "message", "properties": {"usage": usage}, "content_blocks": []}})
    }

    fn token(id: &str, piece: &str) -> Value {
        json!({"event": "token", "data": {"id": id, "chunk": piece}})
    }

    /// Reads a stream that is cut after `cut` bytes, and after the end of a message.
    fn read(stream: &str, cut: usize) -> Result<(String, RunOutput), Failure> {
        let flow = flow();
        let (mut events, mut answer, mut streamed) = (Events::default(), Answer::new(&flow), String::new());
        let bytes = stream.as_bytes();
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let mut told = Vec::new();
        for part in [Some(first), Some(second), None] {
            for event in events.push(part)? {
                told.extend(answer.take(&event)?);
            }
        }
        let (output, rest) = answer.finish()?;
        for event in told.into_iter().chain(rest) {
            if let RunEvent::Token(text) = event {
                streamed += &text;
            }
        }
        Ok((streamed, output))
    }

    #[test]
    fn both_streams_are_read_wherever_their_bytes_are_cut() {
        let usage = json!({"input_tokens": 11, "output_tokens": 7});
        let end = json!({"event": "end_vertex", "data": {"build_data": {"id": "out", "valid": true, "data": {"results": {"message": {"text": "Grüße, Welt"}}}}}});
        let events = [
            json!({"event": "add_message", "data": {"id": "u", "sender": "User", "text": "hi"}}),
            message("m", "Gr", &Value::Null),
            token("m", ""),
            token("m", "Grüße,"),
            token("other", "aside"),
            token("m", " Welt"),
            message("m", "Grüße, Welt", &usage),
            message("m", "Grüße, Welt", &usage),
            end,
            json!({"event": "end", "data": {}}),
        ];
        let (mut bare, mut framed) = (String::new(), String::new());
        for (event, id) in events.iter().zip(0..) {
            bare += &format!("{event}\n\n");
            framed += &format!("id: {id}\r\ndata: {event}\r\n\r\n");
        }
        for stream in [bare, framed] {
            for cut in 0..stream.len() {
                let (streamed, output) = read(&stream, cut).expect("an answer");
                assert_eq!((streamed.as_str(), output.text.as_str()), ("Grüße, Welt", "Grüße, Welt"), "cut at {cut}");
                assert_eq!((output.input_tokens, output.output_tokens), (11, 7));
            }
        }
    }

    #[test]
    fn an_error_inside_of_a_stream_is_an_error_although_it_ends_well() {
        let stream = format!(
            "{}\n\n{}\n\n",
            json!({"event": "error", "data": {"text": "Error code: 400", "category": "error", "error": false}}),
            json!({"event": "end", "data": {}})
        );
        assert_eq!(read(&stream, 0), Err(Failure::Flow("Error code: 400".to_owned())));
    }

    #[test]
    fn a_stream_that_just_stops_is_no_answer() {
        assert_eq!(read(&format!("{}\n\n", token("m", "Hel")), 0), Err(Failure::Stream("it ended in the middle")));
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_for_ever() {
        let mut events = Events::default();
        let more = vec![b'x'; 1024 * 1024];
        assert!((0..10).any(|_| events.push(Some(&more)).is_err()));
    }

    #[test]
    fn the_older_api_gives_the_answer_at_the_end_in_one_piece() {
        let end = json!({"event": "end", "data": {"result": {"outputs": [{"outputs": [{"component_id": "out", "results": {"message": {"text": "Hello"}}}]}]}}});
        let (streamed, output) = read(&format!("{end}\n\n"), 3).expect("an answer");
        assert_eq!((streamed.as_str(), output.text.as_str()), ("Hello", "Hello"));
    }
}
