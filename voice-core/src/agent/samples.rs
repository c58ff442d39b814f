//! What a voice says when nobody says what it is to say.

/// What it says in a language (BCP 47), and else: the same in English. A woman and a man say it alike.
pub(super) fn sentence(language: Option<&str>) -> &'static str {
    let language = language.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or_default().to_ascii_lowercase();
    let said = SENTENCES.iter().find(|(languages, _)| languages.split(' ').any(|known| known == language));
    said.map_or(ENGLISH, |(_, sentence)| *sentence)
}

const ENGLISH: &str = "Hello! This is my voice. I am glad that we are talking.";

/// The same in other languages, by the names that they have in tags.
const SENTENCES: &[(&str, &str)] = &[
    ("ar", "مرحبًا! هذا صوتي. يسعدني أن نتحدث معًا."),
    ("as", "নমস্কাৰ! এইটো মোৰ মাত। আপোনাৰ লগত কথা পাতি ভাল লাগিছে।"),
    ("bg", "Здравейте! Това е моят глас. Радвам се, че си говорим."),
    ("bn", "নমস্কার! এটি আমার কণ্ঠ। আপনার সঙ্গে কথা বলে ভালো লাগছে।"),
    ("ca", "Hola! Aquesta és la meva veu. M'alegro que parlem."),
    ("cs", "Dobrý den! Toto je můj hlas. Těší mě, že si povídáme."),
    ("da", "Hej! Det er min stemme. Jeg er glad for, at vi taler sammen."),
    ("de", "Hallo! Das ist meine Stimme. Schön, dass wir miteinander sprechen."),
    ("el", "Γεια σας! Αυτή είναι η φωνή μου. Χαίρομαι που μιλάμε."),
    ("es", "¡Hola! Esta es mi voz. Me alegro de que hablemos."),
    ("et", "Tere! See on minu hääl. Mul on hea meel, et me räägime."),
    ("fa", "سلام! این صدای من است. خوشحالم که با هم صحبت می‌کنیم."),
    ("fi", "Hei! Tämä on minun ääneni. On mukavaa, että juttelemme."),
    ("fil tl", "Kumusta! Ito ang aking boses. Natutuwa akong nag-uusap tayo."),
    ("fr", "Bonjour ! Voici ma voix. C'est un plaisir de parler avec vous."),
    ("gu", "નમસ્તે! આ મારો અવાજ છે. તમારી સાથે વાત કરીને આનંદ થયો."),
    ("he iw", "שלום! זה הקול שלי. נעים לדבר איתך."),
    ("hi", "नमस्ते! यह मेरी आवाज़ है। आपसे बात करके अच्छा लगा।"),
    ("hr", "Pozdrav! Ovo je moj glas. Drago mi je što razgovaramo."),
    ("hu", "Jó napot! Ez az én hangom. Örülök, hogy beszélgetünk."),
    ("id", "Halo! Ini suara saya. Senang bisa berbicara dengan Anda."),
    ("it", "Ciao! Questa è la mia voce. È un piacere parlare con te."),
    ("ja", "こんにちは。これが私の声です。お話しできてうれしいです。"),
    ("kn", "ನಮಸ್ಕಾರ! ಇದು ನನ್ನ ಧ್ವನಿ. ನಿಮ್ಮೊಂದಿಗೆ ಮಾತನಾಡಲು ಸಂತೋಷವಾಗಿದೆ."),
    ("ko", "안녕하세요! 이것이 제 목소리입니다. 함께 이야기하게 되어 기쁩니다."),
    ("lt", "Sveiki! Tai mano balsas. Džiaugiuosi, kad kalbamės."),
    ("lv", "Sveiki! Šī ir mana balss. Prieks, ka mēs sarunājamies."),
    ("ml", "നമസ്കാരം! ഇതാണ് എന്റെ ശബ്ദം. നിങ്ങളോട് സംസാരിക്കുന്നതിൽ സന്തോഷം."),
    ("mr", "नमस्कार! हा माझा आवाज आहे. तुमच्याशी बोलून आनंद झाला."),
    ("ms", "Helo! Ini suara saya. Gembira dapat berbual dengan anda."),
    ("ne", "नमस्ते! यो मेरो आवाज हो। तपाईंसँग कुरा गर्न पाउँदा खुसी लाग्यो।"),
    ("nl", "Hallo! Dit is mijn stem. Fijn dat we met elkaar praten."),
    ("no nb nn", "Hei! Dette er stemmen min. Det er hyggelig at vi snakker sammen."),
    ("or", "ନମସ୍କାର! ଏହା ମୋର ସ୍ୱର। ଆପଣଙ୍କ ସହ କଥା ହୋଇ ଖୁସି ଲାଗିଲା।"),
    ("pa", "ਸਤ ਸ੍ਰੀ ਅਕਾਲ! ਇਹ ਮੇਰੀ ਆਵਾਜ਼ ਹੈ। ਤੁਹਾਡੇ ਨਾਲ ਗੱਲ ਕਰਕੇ ਚੰਗਾ ਲੱਗਿਆ।"),
    ("pl", "Dzień dobry! To jest mój głos. Cieszę się, że rozmawiamy."),
    ("pt", "Olá! Esta é a minha voz. Que bom que estamos conversando."),
    ("ro", "Bună ziua! Aceasta este vocea mea. Mă bucur că vorbim."),
    ("ru", "Здравствуйте! Это мой голос. Приятно с вами поговорить."),
    ("sk", "Dobrý deň! Toto je môj hlas. Teší ma, že sa rozprávame."),
    ("sl", "Pozdravljeni! To je moj glas. Veseli me, da se pogovarjamo."),
    ("sr", "Здраво! Ово је мој глас. Драго ми је што разговарамо."),
    ("sv", "Hej! Det här är min röst. Vad roligt att vi pratar med varandra."),
    ("sw", "Habari! Hii ni sauti yangu. Nafurahi kuzungumza nawe."),
    ("ta", "வணக்கம்! இது என் குரல். உங்களுடன் பேசுவதில் மகிழ்ச்சி."),
    ("te", "నమస్కారం! ఇది నా గొంతు. మీతో మాట్లాడటం సంతోషంగా ఉంది."),
    ("th", "สวัสดี นี่คือเสียงของฉัน ยินดีที่ได้พูดคุยกัน"),
    ("tr", "Merhaba! Bu benim sesim. Konuştuğumuza sevindim."),
    ("uk", "Вітаю! Це мій голос. Приємно, що ми розмовляємо."),
    ("ur", "السلام علیکم! یہ میری آواز ہے۔ آپ سے بات کر کے خوشی ہوئی۔"),
    ("vi", "Xin chào! Đây là giọng nói của tôi. Rất vui được trò chuyện cùng bạn."),
    ("zh cmn", "你好！这是我的声音。很高兴和你聊天。"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_introduces_itself_in_its_language_or_in_english() {
        for (tag, begins) in [
            (Some("de-AT"), "Hallo!"),
            (Some("cmn-TW"), "你好"),
            (Some("NB"), "Hei!"),
            (Some("en-GB"), "Hello!"),
            (Some("tlh"), "Hello!"),
            (None, "Hello!"),
        ] {
            assert!(sentence(tag).starts_with(begins), "{tag:?}");
        }
    }
}
