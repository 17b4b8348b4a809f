//! Small words that carry no meaning of their own, by language.

use crate::language::Language;

/// Returns a language's stop words, sorted.
pub(crate) fn words(language: Language) -> &'static [&'static str] {
    match language {
        Language::Danish => DANISH,
        Language::Dutch => DUTCH,
        Language::English => ENGLISH,
        Language::Finnish => FINNISH,
        Language::French => FRENCH,
        Language::German => GERMAN,
        Language::Italian => ITALIAN,
        Language::Norwegian => NORWEGIAN,
        Language::Portuguese => PORTUGUESE,
        Language::Russian => RUSSIAN,
        Language::Spanish => SPANISH,
        Language::Swedish => SWEDISH,
        Language::Other => &[],
    }
}

#[rustfmt::skip]
const DANISH: &[&str] = &[
    "ad", "af", "alle", "alt", "at", "blev", "bliver", "da", "de", "dem", "den", "denne", "der", "deres", "det",
    "dette", "dig", "din", "du", "efter", "eller", "en", "end", "er", "et", "for", "fra", "ham", "han", "hans",
    "har", "havde", "have", "hende", "hendes", "her", "hos", "hun", "hvad", "hvis", "hvor", "i", "ikke", "ind",
    "jeg", "jer", "kan", "kunne", "man", "mange", "med", "meget", "men", "mig", "min", "mod", "ned", "noget",
    "nogle", "nu", "når", "og", "også", "om", "op", "os", "over", "på", "selv", "sig", "sin", "skal", "skulle",
    "som", "sådan", "til", "ud", "under", "var", "vi", "vil", "ville", "vor", "være", "været",
];

#[rustfmt::skip]
const DUTCH: &[&str] = &[
    "aan", "al", "als", "bij", "dan", "dat", "de", "der", "deze", "die", "dit", "doen", "door", "een", "en", "er",
    "ge", "geen", "haar", "had", "heb", "hebben", "heeft", "hem", "het", "hier", "hij", "hoe", "hun", "iemand",
    "iets", "ik", "in", "is", "ja", "je", "kan", "maar", "me", "meer", "men", "met", "mij", "mijn", "moet", "na",
    "naar", "niet", "niets", "nog", "nu", "of", "om", "omdat", "onder", "ons", "ook", "op", "over", "te", "tegen",
    "toch", "toen", "tot", "uit", "uw", "van", "veel", "voor", "want", "waren", "was", "wat", "werd", "wezen",
    "wie", "wij", "wil", "worden", "wordt", "zal", "ze", "zelf", "zich", "zij", "zijn", "zo", "zonder", "zou",
];

#[rustfmt::skip]
const ENGLISH: &[&str] = &[
    "a", "about", "after", "again", "all", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been",
    "before", "being", "between", "both", "but", "by", "can", "could", "d", "did", "do", "does", "doing", "done",
    "during", "each", "few", "for", "from", "further", "had", "has", "have", "having", "he", "her", "here", "hers",
    "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "itself", "ll", "me", "more", "most", "my",
    "no", "nor", "not", "of", "off", "on", "once", "only", "or", "other", "our", "out", "over", "own", "re", "s",
    "same", "she", "should", "so", "some", "such", "t", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "through", "to", "too", "under", "until", "up", "ve", "very", "was", "we",
    "were", "what", "when", "where", "which", "while", "who", "whom", "why", "will", "with", "would", "you",
    "your",
];

#[rustfmt::skip]
const FINNISH: &[&str] = &[
    "ei", "eivät", "ennen", "ettei", "että", "he", "hän", "hänen", "ja", "jo", "joka", "jonka", "jos", "jota",
    "kaikki", "kanssa", "kuin", "kun", "lisäksi", "me", "mikä", "mitä", "mukaan", "mutta", "myös", "ne", "niiden",
    "niin", "nyt", "näin", "nämä", "ole", "olen", "oli", "olivat", "olla", "on", "ovat", "se", "sekä", "sen",
    "siihen", "siitä", "sinä", "sitten", "sitä", "tai", "te", "tuo", "tämä", "tämän", "vaan", "vai", "vain",
    "vielä", "voi", "voidaan",
];

#[rustfmt::skip]
const FRENCH: &[&str] = &[
    "ai", "as", "au", "aussi", "aux", "avec", "avez", "avons", "c", "ce", "ces", "cet", "cette", "comme", "d",
    "dans", "de", "des", "du", "elle", "elles", "en", "es", "est", "et", "eu", "eux", "fait", "il", "ils", "j",
    "je", "l", "la", "le", "les", "leur", "leurs", "lui", "m", "ma", "mais", "me", "mes", "mon", "même", "n", "ne",
    "nos", "notre", "nous", "on", "ont", "ou", "où", "par", "pas", "plus", "pour", "qu", "quand", "que", "qui",
    "s", "sa", "sans", "se", "ses", "si", "son", "sont", "sur", "t", "ta", "te", "tes", "toi", "ton", "tu", "un",
    "une", "vos", "votre", "vous", "y", "à", "été", "être",
];

#[rustfmt::skip]
const GERMAN: &[&str] = &[
    "aber", "alle", "als", "also", "am", "an", "auch", "auf", "aus", "bei", "bin", "bis", "bist", "da", "dann",
    "das", "dass", "dein", "dem", "den", "denn", "der", "des", "die", "dies", "diese", "dieser", "dieses", "dir",
    "doch", "du", "durch", "ein", "eine", "einem", "einen", "einer", "eines", "er", "es", "euch", "für", "habe",
    "haben", "hat", "hatte", "hier", "ich", "ihm", "ihn", "ihr", "ihre", "im", "in", "ist", "ja", "jede", "jeder",
    "kann", "kein", "keine", "man", "mein", "mich", "mir", "mit", "nach", "nicht", "noch", "nun", "nur", "ob",
    "oder", "ohne", "sehr", "sein", "seine", "sich", "sie", "sind", "so", "soll", "um", "und", "uns", "unter",
    "vom", "von", "vor", "war", "waren", "was", "weil", "wenn", "wer", "werden", "wie", "wir", "wird", "wo",
    "worden", "wurde", "wurden", "zu", "zum", "zur", "über",
];

#[rustfmt::skip]
const ITALIAN: &[&str] = &[
    "a", "ad", "ai", "al", "alla", "alle", "allo", "anche", "c", "che", "chi", "ci", "come", "con", "contro",
    "cui", "d", "da", "dagli", "dai", "dal", "dalla", "dalle", "dei", "del", "dell", "della", "delle", "dello",
    "di", "e", "ed", "era", "essere", "fra", "gli", "ha", "hanno", "ho", "i", "il", "in", "io", "l", "la", "le",
    "lei", "lo", "loro", "lui", "ma", "mi", "mia", "mio", "ne", "negli", "nei", "nel", "nella", "nelle", "noi",
    "non", "nostro", "o", "per", "perché", "più", "quale", "quando", "quanto", "quella", "quello", "questa",
    "questo", "se", "sei", "si", "sia", "sono", "sta", "stata", "stato", "su", "sua", "sue", "sugli", "sui", "sul",
    "sulla", "suo", "tra", "tu", "tutti", "tutto", "un", "una", "uno", "voi", "è",
];

#[rustfmt::skip]
const NORWEGIAN: &[&str] = &[
    "alle", "at", "av", "ble", "bli", "både", "da", "de", "deg", "dem", "den", "denne", "der", "dere", "deres",
    "det", "dette", "du", "eller", "en", "enn", "er", "et", "etter", "for", "fordi", "fra", "før", "ha", "hadde",
    "han", "hans", "har", "hennes", "her", "hun", "hva", "hvem", "hvis", "hvor", "i", "ikke", "ingen", "inn",
    "jeg", "kan", "kunne", "man", "mange", "med", "meg", "men", "min", "mot", "noe", "noen", "nå", "når", "og",
    "også", "om", "opp", "oss", "over", "på", "seg", "selv", "sin", "skal", "skulle", "slik", "som", "så", "til",
    "under", "ut", "var", "ved", "vi", "vil", "ville", "være", "vært",
];

#[rustfmt::skip]
const PORTUGUESE: &[&str] = &[
    "a", "ao", "aos", "as", "até", "com", "como", "da", "das", "de", "dela", "dele", "do", "dos", "e", "ela",
    "elas", "ele", "eles", "em", "entre", "era", "essa", "esse", "esta", "este", "está", "eu", "foi", "for",
    "foram", "há", "isso", "isto", "já", "lhe", "mais", "mas", "me", "mesmo", "meu", "minha", "muito", "na", "nas",
    "nem", "no", "nos", "nossa", "nosso", "num", "numa", "não", "nós", "o", "os", "ou", "para", "pela", "pelas",
    "pelo", "pelos", "por", "qual", "quando", "que", "quem", "se", "sem", "ser", "seu", "seus", "sua", "suas",
    "são", "só", "também", "te", "tem", "ter", "têm", "um", "uma", "você", "vocês", "às", "é",
];

#[rustfmt::skip]
const RUSSIAN: &[&str] = &[
    "а", "без", "более", "бы", "был", "была", "были", "было", "быть", "в", "вам", "вас", "во", "вот", "все",
    "всех", "всё", "вы", "где", "да", "для", "до", "его", "ее", "если", "есть", "еще", "ещё", "её", "же", "за",
    "здесь", "и", "из", "или", "им", "их", "к", "как", "когда", "кто", "ли", "между", "меня", "мне", "может", "мы",
    "на", "над", "надо", "нам", "нас", "не", "него", "нет", "ни", "но", "о", "об", "он", "она", "они", "оно", "от",
    "по", "под", "после", "при", "с", "сам", "свой", "себя", "со", "так", "там", "то", "того", "тоже", "только",
    "том", "ты", "у", "уже", "чем", "что", "чтобы", "эта", "эти", "это", "этого", "этой", "этот", "я",
];

#[rustfmt::skip]
const SPANISH: &[&str] = &[
    "a", "al", "algo", "ante", "antes", "así", "como", "con", "contra", "cual", "cuando", "de", "del", "desde",
    "donde", "durante", "e", "el", "ella", "ellas", "ellos", "en", "entre", "era", "es", "esa", "ese", "eso",
    "esta", "este", "esto", "estos", "está", "están", "fue", "fueron", "ha", "han", "hasta", "hay", "la", "las",
    "le", "les", "lo", "los", "me", "mi", "mientras", "muy", "más", "no", "nos", "nosotros", "nuestra", "nuestro",
    "o", "os", "otra", "otro", "para", "pero", "poco", "por", "porque", "que", "quien", "qué", "se", "sea", "ser",
    "si", "sin", "sobre", "son", "su", "sus", "sí", "también", "te", "tiene", "todo", "todos", "tu", "tú", "un",
    "una", "uno", "unos", "y", "ya", "yo", "él",
];

#[rustfmt::skip]
const SWEDISH: &[&str] = &[
    "alla", "allt", "att", "av", "bara", "blev", "bli", "blir", "de", "dem", "den", "denna", "deras", "dess",
    "det", "detta", "dig", "din", "du", "där", "då", "efter", "ej", "eller", "en", "er", "ett", "från", "för",
    "ha", "hade", "han", "hans", "har", "hennes", "hon", "honom", "hur", "här", "i", "icke", "ingen", "inom",
    "inte", "jag", "kan", "kunde", "man", "med", "mellan", "men", "mig", "min", "mot", "mycket", "ni", "nu", "när",
    "någon", "något", "några", "och", "om", "oss", "på", "sedan", "sig", "sin", "ska", "skulle", "som", "så",
    "till", "under", "upp", "ut", "utan", "vad", "var", "vara", "varit", "vi", "vid", "vilka", "vill", "än", "är",
    "över",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_can_be_searched() {
        for language in Language::KNOWN {
            assert!(words(language).len() > 50, "{language}");
            assert!(words(language).is_sorted(), "{language}");
        }
    }
}
