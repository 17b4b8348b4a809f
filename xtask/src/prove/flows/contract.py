"""Prints the flow of the runtime contract, made of the component templates in the installed lfx, Python and all."""

import copy
import json
from importlib import resources

INDEX = json.loads(resources.files("lfx").joinpath("_assets/component_index.json").read_text())
TEMPLATES = {kind: component for _, components in INDEX["entries"] for kind, component in components.items()}
MODEL = [{"name": "gpt-4o-mini", "provider": "OpenAI", "icon": "OpenAI", "metadata": {
    "model_class": "ChatOpenAI", "model_name_param": "model", "api_key_param": "api_key", "context_length": 128000}}]


def node(name, kind, **fields):
    inner = copy.deepcopy(TEMPLATES[kind])
    template = inner["template"]
    for field, value in fields.items():
        made = {"type": "str", "name": field, "display_name": field, "input_types": ["Message"], "_input_type": "MessageInput"}
        template.setdefault(field, made).update(value=value, show=True)
    return {"id": name, "type": "genericNode", "position": {"x": 0, "y": 0}, "data": {"id": name, "type": kind, "node": inner}}


def edge(source, output, target, field, nodes):
    of = {it["id"]: it["data"] for it in nodes}
    types = next(it["types"] for it in of[source]["node"]["outputs"] if it["name"] == output)
    to = of[target]["node"]["template"][field]
    handles = {
        "sourceHandle": {"dataType": of[source]["type"], "id": source, "name": output, "output_types": types},
        "targetHandle": {"fieldName": field, "id": target, "inputTypes": to.get("input_types") or [], "type": to["type"]},
    }
    shown = {name: json.dumps(handle).replace('"', "œ") for name, handle in handles.items()}
    return {"id": f"{source}-{target}", "source": source, "target": target, **shown, "data": handles}


nodes = [
    node("ChatInput-1", "ChatInput"),
    node("Memory-1", "Memory"),
    node("Prompt-1", "Prompt Template", template="Say {mood}. Past: {history}", mood="calmly", history=""),
    node("LM-1", "LanguageModelComponent", stream=True, model=MODEL),
    node("ChatOutput-1", "ChatOutput"),
]
fields = [it["data"]["node"]["template"] for it in nodes]
fields[2]["mood"]["api_editable"] = True
nodes[2]["data"]["node"]["custom_fields"] = {"template": ["mood", "history"]}
# The name of a variable, not a key: keys are removed on import.
fields[3]["api_key"].update(value="OPENAI_API_KEY", load_from_db=True)
edges = [
    edge("Memory-1", "messages_text", "Prompt-1", "history", nodes),
    edge("Prompt-1", "prompt", "LM-1", "system_message", nodes),
    edge("ChatInput-1", "message", "LM-1", "input_value", nodes),
    edge("LM-1", "text_output", "ChatOutput-1", "input_value", nodes),
]
print(json.dumps({"name": "contract", "description": "", "data": {"nodes": nodes, "edges": edges}}))
