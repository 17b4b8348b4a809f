// A small flow in the shape that Langflow exports: what a person says, put into a sentence, and answered.

const message = ['Message'];

const field = (kind: string, value: string) => ({ name: 'f', type: kind, value, input_types: message, show: true });

const node = (id: string, type: string, output: string, template: Record<string, unknown>, x: number) => ({
  id,
  type: 'genericNode',
  position: { x, y: 0 },
  data: {
    id,
    type,
    node: {
      display_name: type,
      template: { _type: 'Component', ...template },
      outputs: [{ name: output, types: message, selected: 'Message', method: 'build' }],
    },
  },
});

const edge = (from: [id: string, type: string, output: string], to: [id: string, field: string]) => ({
  id: `${from[0]}-${to[0]}`,
  source: from[0],
  target: to[0],
  data: {
    sourceHandle: { dataType: from[1], id: from[0], name: from[2], output_types: message },
    targetHandle: { fieldName: to[1], id: to[0], inputTypes: message, type: 'str' },
  },
});

/** What the flow answers where a test says nothing else: words that only running its prompt can produce. */
export const SENTENCE = 'Polly heard “{question}” and nods.';

/** Says what the flow answers to `question`. */
export const answerTo = (question: string): string => SENTENCE.replace('{question}', question);

/** Makes a flow that hands what a person says to the deployment's model, and the model's words back. */
export function modelFlow(): object {
  const model = {
    input_value: field('str', ''),
    system_message: field('str', 'You answer questions about a shop.'),
    model: { type: 'model', value: '', show: true },
  };
  return {
    name: 'Clerk',
    description: 'Answers from what it was given to read.',
    data: {
      nodes: [
        node('ChatInput-a', 'ChatInput', 'message', { input_value: field('str', '') }, 0),
        node('LanguageModelComponent-b', 'LanguageModelComponent', 'text_output', model, 400),
        node('ChatOutput-c', 'ChatOutput', 'message', { input_value: field('str', '') }, 800),
      ],
      edges: [
        edge(['ChatInput-a', 'ChatInput', 'message'], ['LanguageModelComponent-b', 'input_value']),
        edge(['LanguageModelComponent-b', 'LanguageModelComponent', 'text_output'], ['ChatOutput-c', 'input_value']),
      ],
      viewport: { x: 0, y: 0, zoom: 1 },
    },
  };
}

/** Makes a flow that answers `sentence` with `{question}` in it replaced by what the person said. */
export function flow(sentence = SENTENCE): object {
  return {
    name: 'Parrot with manners',
    description: 'Repeats politely.',
    data: {
      nodes: [
        node('ChatInput-a', 'ChatInput', 'message', { input_value: field('str', '') }, 0),
        node(
          'Prompt-b',
          'Prompt',
          'prompt',
          { template: { name: 'template', type: 'prompt', value: sentence, show: true }, question: field('str', '') },
          400,
        ),
        node('ChatOutput-c', 'ChatOutput', 'message', { input_value: field('str', '') }, 800),
      ],
      edges: [
        edge(['ChatInput-a', 'ChatInput', 'message'], ['Prompt-b', 'question']),
        edge(['Prompt-b', 'Prompt', 'prompt'], ['ChatOutput-c', 'input_value']),
      ],
      viewport: { x: 0, y: 0, zoom: 1 },
    },
  };
}
