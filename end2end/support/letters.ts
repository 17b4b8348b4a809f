// The letters that a deployment writes, read from the folder where they land: one file each, as the
// program leaves them where it has no mail server, and as most mail catchers do.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const folder = process.env.CMP_MAIL_DIR ?? '';

/** Says what the journeys with letters need, when it is missing. */
export function requireLetters(): void {
  if (folder) return;
  throw new Error(
    'These journeys read letters: set CMP_MAIL_DIR to the folder where they land, one file each. ' +
      'A deployment without CMP_MAIL__SMTP_URL writes them to mail/ in its data directory; with it, ' +
      'give the folder of a mail catcher. `--grep-invert @letters` leaves these journeys out.',
  );
}

export type Letter = { subject: string; text: string };

const toBytes = {
  base64: (body: string) => Buffer.from(body, 'base64'),
  'quoted-printable': (body: string) =>
    Buffer.from(
      body.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))),
      'latin1',
    ),
};

/** Reads a letter of one part, as the program writes them. */
function parse(source: string): Letter & { to: string } {
  const [head, ...body] = source.replace(/\r\n/g, '\n').split('\n\n');
  const lines = head.replace(/\n[ \t]+/g, ' ').split('\n');
  const header = (name: string) => lines.find((line) => line.toLowerCase().startsWith(`${name}:`))?.slice(name.length + 1).trim() ?? '';
  const words = (text: string) =>
    text.replace(/=\?utf-8\?b\?(.*?)\?=\s*/gi, (_, word) => Buffer.from(word, 'base64').toString());
  const decode = toBytes[header('content-transfer-encoding').toLowerCase() as keyof typeof toBytes];
  const text = body.join('\n\n');
  return { to: header('to'), subject: words(header('subject')), text: decode ? decode(text).toString('utf8') : text };
}

/** Lists the letters to an address. */
export async function lettersTo(email: string): Promise<Letter[]> {
  const found: Letter[] = [];
  for (const file of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    // Some folders hold more than letters, and a letter may be taken away while we look.
    const source = await readFile(join(file.parentPath, file.name), 'utf8').catch(() => '');
    const letter = parse(source);
    if (letter.to.includes(email)) found.push(letter);
  }
  return found;
}

/** Waits for a letter about something; answers the path of the page that its link opens. */
export async function linkIn(email: string, subject: RegExp, seen: string[] = []): Promise<string> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    for (const letter of await lettersTo(email)) {
      const link = subject.test(letter.subject) ? /https?:\/\/\S+/.exec(letter.text)?.[0] : undefined;
      // The address may be another than ours, behind a proxy; the page is the same.
      const path = link && new URL(link).pathname;
      if (path && !seen.includes(path)) return path;
    }
    if (Date.now() > deadline) throw new Error(`No letter to ${email} about ${subject} has come to ${folder} within 30 s.`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
