//! A model for tests.

use candle_core::{
    Device, Tensor,
    quantized::{GgmlDType, QTensor, gguf_file},
};

/// Writes a tiny model with weights that look random but are always the same. What its vocabulary lacks is left out of prompts.
pub(super) fn tiny(architecture: &str, path: &std::path::Path) {
    let integer = |n: u32| gguf_file::Value::U32(n);
    let key = |name: &str| format!("{architecture}.{name}");
    let metadata = [
        ("general.architecture".to_owned(), gguf_file::Value::String(architecture.to_owned())),
        (key("block_count"), integer(2)),
        (key("context_length"), integer(512)),
        (key("embedding_length"), integer(32)),
        (key("attention.head_count"), integer(4)),
        (key("attention.head_count_kv"), integer(2)),
        (key("attention.key_length"), integer(8)),
        (key("rope.dimension_count"), integer(8)),
        (key("rope.freq_base"), gguf_file::Value::F32(10_000.0)),
        (key("attention.layer_norm_rms_epsilon"), gguf_file::Value::F32(1e-5)),
    ];
    let metadata: Vec<_> = metadata.into_iter().chain(vocabulary()).collect();
    let mut seed = 1_u32;
    let mut tensor = |rows: usize, columns: Option<usize>| {
        let count = rows * columns.unwrap_or(1);
        let numbers: Vec<f32> = (0..count)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / (1 << 24) as f32 - 0.5
            })
            .collect();
        let dims = columns.map_or_else(|| vec![rows], |c| vec![rows, c]);
        QTensor::quantize(&Tensor::from_vec(numbers, dims, &Device::Cpu).unwrap(), GgmlDType::F32).unwrap()
    };
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), tensor(16, Some(32))),
        ("output_norm.weight".to_owned(), tensor(32, None)),
        ("output.weight".to_owned(), tensor(16, Some(32))),
    ];
    for layer in 0..2 {
        let mut add = |name: &str, rows, columns| tensors.push((format!("blk.{layer}.{name}"), tensor(rows, columns)));
        add("attn_norm.weight", 32, None);
        add("ffn_norm.weight", 32, None);
        for (name, rows) in [("attn_q", 32), ("attn_k", 16), ("attn_v", 16)] {
            add(&format!("{name}.weight"), rows, Some(32));
            if architecture == "qwen2" {
                add(&format!("{name}.bias"), rows, None);
            }
        }
        if architecture == "qwen3" {
            add("attn_q_norm.weight", 8, None);
            add("attn_k_norm.weight", 8, None);
        }
        add("attn_output.weight", 32, Some(32));
        add("ffn_gate.weight", 64, Some(32));
        add("ffn_up.weight", 64, Some(32));
        add("ffn_down.weight", 32, Some(64));
    }
    let metadata: Vec<_> = metadata.iter().map(|(k, v)| (k.as_str(), v)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(k, v)| (k.as_str(), v)).collect();
    gguf_file::write(&mut std::fs::File::create(path).unwrap(), &metadata, &tensors).unwrap();
}

/// Two control tokens, white space and letters: as many as there are embeddings.
fn vocabulary() -> [(String, gguf_file::Value); 5] {
    let controls = ["<|im_start|>", "<|im_end|>"].map(str::to_owned);
    let letters = ('a'..='k').map(String::from).chain(["jk".to_owned()]);
    let tokens = controls.into_iter().chain(["Ġ", "Ċ"].map(str::to_owned)).chain(letters);
    let kinds = (0..16).map(|id| gguf_file::Value::I32(if id < 2 { 3 } else { 1 }));
    let text = |value: &str| gguf_file::Value::String(value.to_owned());
    [
        ("model", text("gpt2")),
        ("pre", text("smollm")),
        ("tokens", gguf_file::Value::Array(tokens.map(gguf_file::Value::String).collect())),
        ("token_type", gguf_file::Value::Array(kinds.collect())),
        ("merges", gguf_file::Value::Array(vec![text("j k")])),
    ]
    .map(|(name, value)| (format!("tokenizer.ggml.{name}"), value))
}

/// The control token after which [`parrot`] says its second answer.
pub(super) const AGAIN: &str = "<|again|>";

/// Writes a model that always says the same: the first answer behind a line break, the second behind [`AGAIN`].
pub(super) fn parrot(template: &str, answers: [&str; 2], path: &std::path::Path) {
    const WIDTH: usize = 128;
    const END: usize = 1;
    let spelled = answers.map(|answer| answer.replace(' ', "Ġ").replace('\n', "Ċ"));
    let controls = ["<|im_start|>", "<|im_end|>", AGAIN].map(str::to_owned);
    let letters = ["Ċ", "Ġ"].map(str::to_owned).into_iter().chain((0x21..=0x7e_u8).map(|b| char::from(b).to_string()));
    let tokens: Vec<String> = controls.into_iter().chain(letters).chain(spelled).collect();
    let count = tokens.len();
    assert!(count <= WIDTH);
    let zeros = |rows: usize, columns: usize| Tensor::zeros((rows, columns), candle_core::DType::F32, &Device::Cpu);
    // Each token has a place of its own, and says which follows it.
    let ones = |places: &[(usize, usize)]| {
        let mut numbers = vec![0.0_f32; count * WIDTH];
        places.iter().for_each(|(row, column)| numbers[row * WIDTH + column] = 1.0);
        Tensor::from_vec(numbers, (count, WIDTH), &Device::Cpu)
    };
    let itself: Vec<_> = (0..count).map(|id| (id, id)).collect();
    let follows = [(count - 2, 3), (count - 1, 2), (END, count - 2), (END, count - 1)];
    let norm = || Tensor::ones(WIDTH, candle_core::DType::F32, &Device::Cpu);
    let tensors = [
        ("token_embd.weight", ones(&itself)),
        ("output_norm.weight", norm()),
        ("output.weight", ones(&follows)),
        ("blk.0.attn_norm.weight", norm()),
        ("blk.0.ffn_norm.weight", norm()),
        ("blk.0.attn_q.weight", zeros(WIDTH, WIDTH)),
        ("blk.0.attn_k.weight", zeros(WIDTH, WIDTH)),
        ("blk.0.attn_v.weight", zeros(WIDTH, WIDTH)),
        ("blk.0.attn_output.weight", zeros(WIDTH, WIDTH)),
        ("blk.0.ffn_gate.weight", zeros(WIDTH, WIDTH)),
        ("blk.0.ffn_up.weight", zeros(WIDTH, WIDTH)),
        ("blk.0.ffn_down.weight", zeros(WIDTH, WIDTH)),
    ]
    .map(|(name, tensor)| (name, QTensor::quantize(&tensor.unwrap(), GgmlDType::F32).unwrap()));
    let text = |value: &str| gguf_file::Value::String(value.to_owned());
    let integer = |n: usize| gguf_file::Value::U32(n as u32);
    let kinds = (0..count).map(|id| gguf_file::Value::I32(if id < 3 { 3 } else { 1 })).collect();
    let metadata = [
        ("general.architecture", text("llama")),
        ("llama.block_count", integer(1)),
        ("llama.context_length", integer(4096)),
        ("llama.embedding_length", integer(WIDTH)),
        ("llama.attention.head_count", integer(4)),
        ("llama.attention.head_count_kv", integer(4)),
        ("llama.attention.key_length", integer(WIDTH / 4)),
        ("llama.rope.dimension_count", integer(WIDTH / 4)),
        ("llama.rope.freq_base", gguf_file::Value::F32(10_000.0)),
        ("llama.attention.layer_norm_rms_epsilon", gguf_file::Value::F32(1e-5)),
        ("tokenizer.chat_template", text(template)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("smollm")),
        ("tokenizer.ggml.eos_token_id", integer(END)),
        ("tokenizer.ggml.tokens", gguf_file::Value::Array(tokens.iter().map(|token| text(token)).collect())),
        ("tokenizer.ggml.token_type", gguf_file::Value::Array(kinds)),
        ("tokenizer.ggml.merges", gguf_file::Value::Array(Vec::new())),
    ];
    let metadata: Vec<_> = metadata.iter().map(|(k, v)| (*k, v)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(k, v)| (*k, v)).collect();
    gguf_file::write(&mut std::fs::File::create(path).unwrap(), &metadata, &tensors).unwrap();
}
