#!/usr/bin/env python3
"""Makes code-hashes.json: which Python source a published Langflow had for each component that runs here.

The engine runs a component natively only when the SHA-256 of its source (first 12 digits, Langflow's own
`code_hash`) is in that table. Only hashes are kept; no source is committed.

    pip download --no-deps -d wheels langflow-base==1.13.0 lfx==1.13.0 lfx-openai==0.2.1 …
    python3 generate-code-hashes.py wheels/*.whl > code-hashes.json

To make another component native, add its type (and the older names for it) to TYPES and run this again
over all the wheels that the table's "packages" lists.
"""

import ast
import hashlib
import json
import re
import sys
import zipfile

# Type, and the names under which exports and classes have it.
TYPES = {
    "Agent": ["Agent", "AgentComponent"],
    "AnthropicModel": ["AnthropicModel", "AnthropicModelComponent"],
    "APIRequest": ["APIRequest", "APIRequestComponent"],
    "ArXivComponent": ["ArXivComponent"],
    "AzureOpenAIModel": ["AzureOpenAIModel", "AzureChatOpenAIComponent"],
    "BatchRunComponent": ["BatchRunComponent"],
    "CalculatorComponent": ["CalculatorComponent"],
    "CalculatorTool": ["CalculatorTool", "CalculatorToolComponent"],
    "ChatInput": ["ChatInput"],
    "ChatOutput": ["ChatOutput"],
    "CombineText": ["CombineText", "CombineTextComponent"],
    "ConditionalRouter": ["ConditionalRouter", "ConditionalRouterComponent"],
    "CurrentDate": ["CurrentDate", "CurrentDateComponent"],
    "DeepSeekModelComponent": ["DeepSeekModelComponent"],
    "File": ["File", "FileComponent"],
    "GoogleGenerativeAIModel": ["GoogleGenerativeAIModel", "GoogleGenerativeAIComponent"],
    "GroqModel": ["GroqModel", "GroqModelComponent"],
    "Knowledge": ["Knowledge", "KnowledgeBase", "KnowledgeRetrieval", "KBRetrieval"],
    "LanguageModelComponent": ["LanguageModelComponent", "LanguageModel"],
    "LMStudioModel": ["LMStudioModel", "LMStudioModelComponent"],
    "LoopComponent": ["LoopComponent"],
    "Memory": ["Memory", "MemoryComponent"],
    "MemoryBase": ["MemoryBase", "MemoryBaseComponent"],
    "MessagetoData": ["MessagetoData", "MessageToDataComponent"],
    "MistralModel": ["MistralModel", "MistralAIModelComponent"],
    "NewsSearch": ["NewsSearch", "NewsSearchComponent"],
    "NovitaModel": ["NovitaModel", "NovitaModelComponent"],
    "OllamaModel": ["OllamaModel", "ChatOllamaComponent"],
    "OpenAIModel": ["OpenAIModel", "OpenAIModelComponent"],
    "OpenRouterComponent": ["OpenRouterComponent"],
    "ParseData": ["ParseData", "ParseDataComponent"],
    "ParserComponent": ["ParserComponent", "parser"],
    "Prompt Template": ["Prompt Template", "Prompt", "PromptComponent"],
    "RSSReaderSimple": ["RSSReaderSimple", "RSSReaderComponent"],
    "SambaNovaModel": ["SambaNovaModel", "SambaNovaComponent"],
    "SaveToFile": ["SaveToFile", "SaveToFileComponent"],
    "SearchAPI": ["SearchAPI", "SearchAPIComponent"],
    "SearchComponent": ["SearchComponent"],
    "SplitText": ["SplitText", "SplitTextComponent"],
    "SQLComponent": ["SQLComponent"],
    "StructuredOutput": ["StructuredOutput", "StructuredOutputComponent"],
    "TavilySearchComponent": ["TavilySearchComponent"],
    "TextInput": ["TextInput", "TextInputComponent"],
    "TextOutput": ["TextOutput", "TextOutputComponent"],
    "ToolCallingAgent": ["ToolCallingAgent", "ToolCallingAgentComponent"],
    "TypeConverterComponent": ["TypeConverterComponent"],
    "UnifiedWebSearch": ["UnifiedWebSearch", "WebSearch", "WebSearchComponent"],
    "url_content_fetcher": ["url_content_fetcher"],
    "URLComponent": ["URLComponent", "URL"],
    "Webhook": ["Webhook", "WebhookComponent"],
    "MCPTools": ["MCPTools", "MCPToolsComponent"],
    "TextOperations": ["TextOperations"],
    "DataOperations": ["DataOperations", "DataOperationsComponent"],
    "DataFrameOperations": ["DataFrameOperations", "DataFrameOperationsComponent"],
    "SelectData": ["SelectData", "SelectDataComponent"],
    "FilterData": ["FilterData", "FilterDataComponent"],
    "CreateList": ["CreateList", "CreateListComponent"],
    "RegexExtractorComponent": ["RegexExtractorComponent"],
    "CreateData": ["CreateData", "CreateDataComponent"],
    "UpdateData": ["UpdateData", "UpdateDataComponent"],
    "MergeDataComponent": ["MergeDataComponent", "MergeData"],
    "CSVtoData": ["CSVtoData", "CSVToDataComponent"],
    "JSONtoData": ["JSONtoData", "JSONToDataComponent"],
    "IDGenerator": ["IDGenerator", "IDGeneratorComponent"],
    "Pass": ["Pass", "PassMessageComponent"],
    "SmartRouter": ["SmartRouter", "SmartRouterComponent"],
    "LLMSelectorComponent": ["LLMSelectorComponent", "LLMRouterComponent"],
    "GuardrailValidatorV2": ["GuardrailValidatorV2", "GuardrailsV2Component", "GuardrailValidator", "GuardrailsComponent"],
    "EmbeddingModel": ["EmbeddingModel", "EmbeddingModelComponent"],
    "OpenAIEmbeddings": ["OpenAIEmbeddings", "OpenAIEmbeddingsComponent"],
    "OllamaEmbeddings": ["OllamaEmbeddings", "OllamaEmbeddingsComponent"],
    "FAISS": ["FAISS", "FaissVectorStoreComponent"],
    "Chroma": ["Chroma", "ChromaVectorStoreComponent"],
    "TextEmbedderComponent": ["TextEmbedderComponent"],
    "EmbeddingSimilarityComponent": ["EmbeddingSimilarityComponent"],
    "Operations": ["Operations", "OperationsComponent"],
    "DataToDataFrame": ["DataToDataFrame", "DataToDataFrameComponent"],
    "ParseDataFrame": ["ParseDataFrame", "ParseDataFrameComponent"],
    "ExtractaKey": ["ExtractaKey", "ExtractDataKeyComponent"],
    "FilterDataValues": ["FilterDataValues", "DataFilterComponent"],
    "JSONCleaner": ["JSONCleaner"],
    "Directory": ["Directory", "DirectoryComponent"],
    "WikipediaComponent": ["WikipediaComponent"],
    "StoreMessage": ["StoreMessage", "MessageStoreComponent"],
    "CharacterTextSplitter": ["CharacterTextSplitter", "CharacterTextSplitterComponent"],
    "RecursiveCharacterTextSplitter": ["RecursiveCharacterTextSplitter", "RecursiveCharacterTextSplitterComponent"],
    "RunFlow": ["RunFlow", "RunFlowComponent"],
    "SubFlow": ["SubFlow", "SubFlowComponent"],
    "FlowTool": ["FlowTool", "FlowToolComponent"],
    "Notify": ["Notify", "NotifyComponent"],
    "Listen": ["Listen", "ListenComponent"],
    "HumanInput": ["HumanInput"],
    "KnowledgeIngestion": ["KnowledgeIngestion", "KnowledgeIngestionComponent", "KBIngestion", "KBIngestionComponent"],
    "WikipediaAPI": ["WikipediaAPI", "WikipediaAPIComponent"],
    "YfinanceComponent": ["YfinanceComponent", "YahooFinanceComponent"],
    "YahooFinanceTool": ["YahooFinanceTool", "YfinanceToolComponent"],
    "ParseJSONData": ["ParseJSONData", "ParseJSONDataComponent"],
}
# What the packages of vendors have; whatever else is called like a component there is none of Langflow's.
OF_VENDORS = {
    "AnthropicModel", "ArXivComponent", "AzureOpenAIModel", "Chroma", "DeepSeekModelComponent", "FAISS",
    "GoogleGenerativeAIModel", "GroqModel", "LMStudioModel", "MistralModel", "NovitaModel", "OllamaEmbeddings",
    "OllamaModel", "OpenAIEmbeddings", "OpenAIModel", "OpenRouterComponent", "SambaNovaModel", "SearchComponent",
    "TavilySearchComponent", "WikipediaComponent", "YfinanceComponent",
}
TYPE_OF = {name: kind for kind, names in TYPES.items() for name in names}


def version_key(version):
    # langflow-base 0.X and lfx 0.X are older than the common numbering that began with 1.10.
    return [int(part) if part.isdigit() else 0 for part in re.split(r"[.\-]", version)]


def types_in(source):
    """Returns the types of the components that a module defines."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    found = set()
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        name = node.name
        for item in node.body:
            targets = item.targets if isinstance(item, ast.Assign) else [item.target] if isinstance(item, ast.AnnAssign) else []
            if any(getattr(it, "id", "") == "name" for it in targets) and isinstance(item.value, ast.Constant):
                name = item.value.value
        if name in TYPE_OF:
            found.add(TYPE_OF[name])
    return found


def nodes_in(flow):
    """Returns (type, source) of each node of a starter project."""
    for node in flow.get("data", {}).get("nodes", []):
        data = node.get("data", {})
        code = data.get("node", {}).get("template", {}).get("code", {})
        if data.get("type") in TYPE_OF and code.get("value"):
            yield TYPE_OF[data["type"]], code["value"]


def sources(wheel):
    # Since 1.10 the components of vendors are in packages of their own, `lfx-openai`; in `lfx-bundles` each has a directory.
    is_bundle = re.search(r"(^|/)lfx_[a-z_]+-", wheel) is not None
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if ("/components/" in name or is_bundle) and name.endswith(".py") and "/deactivated/" not in name:
                source = archive.read(name).decode()
                for kind in types_in(source):
                    if not is_bundle or kind in OF_VENDORS:
                        yield kind, source
            elif is_bundle:
                continue
            elif name.endswith(".json") and ("/starter_projects/" in name or "/templates/flows/" in name):
                yield from nodes_in(json.loads(archive.read(name)))
            elif name.endswith("_assets/component_index.json"):
                for _, components in json.loads(archive.read(name))["entries"]:
                    for kind, component in components.items():
                        if kind in TYPE_OF:
                            yield TYPE_OF[kind], component["template"]["code"]["value"]


def main(wheels):
    packages = []
    for wheel in wheels:
        package, version = re.match(r"(?:.*/)?([a-z_]+)-([^-]+)-", wheel).groups()
        packages.append((version_key(version), package.replace("_", "-"), version, wheel))
    types = {kind: {} for kind in TYPES}
    for _, package, version, wheel in sorted(packages):
        for kind, source in sources(wheel):
            digest = hashlib.sha256(source.encode()).hexdigest()[:12]
            types[kind].setdefault(digest, f"{package} {version}")
    table = {
        "about": "Made by generate-code-hashes.py; do not edit. Type, then hash of its source, then the oldest package listed that has it.",
        "packages": [f"{package} {version}" for _, package, version, _ in sorted(packages)],
        "types": types,
    }
    print(json.dumps(table, indent=1))


main(sys.argv[1:])
