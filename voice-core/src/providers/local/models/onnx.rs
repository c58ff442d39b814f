//! Rewrites operators of ONNX Runtime's own that rten does not run into ones of the ONNX standard.
//!
//! Source: ONNX Runtime's `ContribOperators.md`. What rten runs itself (Gelu, QuickGelu, SkipLayerNormalization,
//! DynamicQuantizeLSTM, …) stays as it is.

use std::{cell::RefCell, collections::HashMap};

use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};

use crate::error::{Error, ErrorKind, Result};

/// The domain of ONNX Runtime's own operators.
const DOMAIN: &str = "com.microsoft";

/// Rewrites a model in place and drops the `value_info`, which is not needed to run it.
///
/// # Errors
/// `ModelMissing` when a fused operator has a form that is not known here.
pub(super) fn unfuse(model: &mut ModelProto) -> Result<()> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    Rewriter::default().graph(graph, &HashMap::new())
}

/// How many dimensions each named value has, where that is known.
type Ranks = HashMap<String, usize>;

/// Makes names that nothing else in the model has.
#[derive(Default)]
struct Rewriter {
    names: usize,
}

impl Rewriter {
    fn graph(&mut self, graph: &mut GraphProto, outer: &Ranks) -> Result<()> {
        let mut ranks = outer.clone();
        ranks.extend(graph.value_info.iter().chain(&graph.input).filter_map(rank_of));
        ranks.extend(graph.initializer.iter().filter_map(|t| Some((t.name.clone()?, t.dims.len()))));
        let mut out = Nodes { rewriter: self, nodes: Vec::with_capacity(graph.node.len()), constants: Vec::new() };
        for mut node in std::mem::take(&mut graph.node) {
            for branch in node.attribute.iter_mut().filter_map(|a| a.g.as_mut()) {
                out.rewriter.graph(branch, &ranks)?;
            }
            let fused = node.domain.as_deref() == Some(DOMAIN);
            match node.op_type.as_deref().filter(|_| fused) {
                Some("DynamicQuantizeMatMul") => out.dynamic_quantize_matmul(&node)?,
                Some("MatMulIntegerToFloat") => out.matmul_integer_to_float(&node)?,
                Some("FusedMatMul") => out.fused_matmul(&node, &ranks)?,
                Some("FusedConv") => out.fused_conv(node)?,
                _ => out.nodes.push(node),
            }
        }
        let Nodes { nodes, constants, .. } = out;
        graph.node = nodes;
        graph.initializer.extend(constants);
        graph.value_info.clear();
        Ok(())
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("unfused_{}", self.names)
    }
}

/// The nodes of one graph as they are rewritten.
struct Nodes<'a> {
    rewriter: &'a mut Rewriter,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Nodes<'_> {
    /// Inputs: a, quantized b, scale of b, zero of b, bias. The left side is quantized on the way.
    fn dynamic_quantize_matmul(&mut self, node: &NodeProto) -> Result<()> {
        let (quantized, scale, zero) = (self.rewriter.name(), self.rewriter.name(), self.rewriter.name());
        self.push("DynamicQuantizeLinear", &[input(node, 0)], &[&quantized, &scale, &zero], vec![]);
        let product = QuantizedProduct {
            a: &quantized,
            a_scale: &scale,
            a_zero: &zero,
            b: input(node, 1),
            b_scale: input(node, 2),
            b_zero: input(node, 3),
            bias: input(node, 4),
        };
        self.quantized_product(&product, output(node)?);
        Ok(())
    }

    /// Inputs: quantized a and b, their scales, their zeros, bias.
    fn matmul_integer_to_float(&mut self, node: &NodeProto) -> Result<()> {
        let product = QuantizedProduct {
            a: input(node, 0),
            b: input(node, 1),
            a_scale: input(node, 2),
            b_scale: input(node, 3),
            a_zero: input(node, 4),
            b_zero: input(node, 5),
            bias: input(node, 6),
        };
        self.quantized_product(&product, output(node)?);
        Ok(())
    }

    /// The integer product, brought back to floats by the product of the scales; rten fuses this very pattern.
    fn quantized_product(&mut self, p: &QuantizedProduct<'_>, output: &str) {
        let mut inputs = vec![p.a, p.b, p.a_zero, p.b_zero];
        while inputs.last().is_some_and(|name| name.is_empty()) {
            inputs.pop();
        }
        let integers = self.then("MatMulInteger", &inputs, vec![]);
        let floats = self.then("Cast", &[&integers], vec![int("to", i64::from(DataType::FLOAT.0))]);
        let scale = self.then("Mul", &[p.a_scale, p.b_scale], vec![]);
        if p.bias.is_empty() {
            self.push("Mul", &[&floats, &scale], &[output], vec![]);
        } else {
            let scaled = self.then("Mul", &[&floats, &scale], vec![]);
            self.push("Add", &[&scaled, p.bias], &[output], vec![]);
        }
    }

    /// A product of matrices whose sides may be transposed first and whose result is scaled by `alpha`.
    fn fused_matmul(&mut self, node: &NodeProto, ranks: &Ranks) -> Result<()> {
        if ["transBatchA", "transBatchB"].iter().any(|name| int_of(node, name) != 0) {
            return Err(unknown("a FusedMatMul over transposed batches"));
        }
        let mut sides = Vec::with_capacity(2);
        for (side, flag) in [(0, "transA"), (1, "transB")] {
            let name = input(node, side);
            if int_of(node, flag) == 0 {
                sides.push(name.to_owned());
                continue;
            }
            let rank = ranks.get(name).copied().filter(|rank| *rank >= 2);
            let rank = rank.ok_or_else(|| unknown("a FusedMatMul of sides of unknown shape"))? as i64;
            let mut order: Vec<i64> = (0..rank - 2).collect();
            order.extend([rank - 1, rank - 2]);
            sides.push(self.then("Transpose", &[name], vec![ints("perm", order)]));
        }
        let sides = [sides[0].as_str(), sides[1].as_str()];
        let alpha = attribute(node, "alpha").and_then(|a| a.f).unwrap_or(1.0);
        if (alpha - 1.0).abs() < f32::EPSILON {
            self.push("MatMul", &sides, &[output(node)?], vec![]);
        } else {
            let product = self.then("MatMul", &sides, vec![]);
            let factor = self.constant(alpha);
            self.push("Mul", &[&product, &factor], &[output(node)?], vec![]);
        }
        Ok(())
    }

    /// A convolution followed by an activation without parameters.
    fn fused_conv(&mut self, mut node: NodeProto) -> Result<()> {
        let activation = attribute(&node, "activation").and_then(|a| a.s.clone());
        let activation = activation.filter(|a| ["Relu", "Tanh", "Sigmoid"].contains(&a.as_str()));
        let activation =
            activation.ok_or_else(|| unknown("a FusedConv with an activation other than Relu, Tanh, Sigmoid"))?;
        if !input(&node, 3).is_empty() {
            return Err(unknown("a FusedConv with an addend"));
        }
        let end = output(&node)?.to_owned();
        node.attribute.retain(|a| !matches!(a.name.as_deref(), Some("activation" | "activation_params")));
        let sum = self.rewriter.name();
        self.nodes.push(NodeProto { domain: None, op_type: Some("Conv".into()), output: vec![sum.clone()], ..node });
        self.push(&activation, &[&sum], &[&end], vec![]);
        Ok(())
    }

    fn push(&mut self, operator: &str, inputs: &[&str], outputs: &[&str], attribute: Vec<AttributeProto>) {
        self.nodes.push(NodeProto {
            name: Some(self.rewriter.name()),
            op_type: Some(operator.into()),
            input: inputs.iter().map(ToString::to_string).collect(),
            output: outputs.iter().map(ToString::to_string).collect(),
            attribute,
            ..NodeProto::default()
        });
    }

    /// Pushes a node with one new output and gives the output's name.
    fn then(&mut self, operator: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        let name = self.rewriter.name();
        self.push(operator, inputs, &[&name], attribute);
        name
    }

    fn constant(&mut self, value: f32) -> String {
        let name = self.rewriter.name();
        self.constants.push(TensorProto {
            name: Some(name.clone()),
            data_type: Some(DataType::FLOAT),
            raw_data: Some(RefCell::new(value.to_le_bytes().to_vec())),
            ..TensorProto::default()
        });
        name
    }
}

/// The values that a quantized product reads; an empty name is an absent one.
struct QuantizedProduct<'a> {
    a: &'a str,
    a_scale: &'a str,
    a_zero: &'a str,
    b: &'a str,
    b_scale: &'a str,
    b_zero: &'a str,
    bias: &'a str,
}

fn input(node: &NodeProto, index: usize) -> &str {
    node.input.get(index).map_or("", String::as_str)
}

fn output(node: &NodeProto) -> Result<&str> {
    node.output.first().map(String::as_str).ok_or_else(|| unknown("an operator without output"))
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|a| a.name.as_deref() == Some(name))
}

fn int_of(node: &NodeProto, name: &str) -> i64 {
    attribute(node, name).and_then(|a| a.i).unwrap_or(0)
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        i: Some(value),
        r#type: Some(AttributeType::INT),
        ..AttributeProto::default()
    }
}

fn ints(name: &str, values: Vec<i64>) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        ints: values,
        r#type: Some(AttributeType::INTS),
        ..AttributeProto::default()
    }
}

fn rank_of(value: &ValueInfoProto) -> Option<(String, usize)> {
    let shape = value.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref()?;
    Some((value.name.clone()?, shape.dim.len()))
}

fn unknown(what: &str) -> Error {
    Error::new(ErrorKind::ModelMissing, format!("the model to convert has {what}, which is not known here"))
}

#[cfg(test)]
mod tests {
    use rten::{ModelOptions, Value};
    use rten_onnx::onnx::{Dimension, OperatorSetIdProto, TensorShapeProto, TypeProto, TypeProtoTensor};
    use rten_tensor::{NdTensor, Tensor, prelude::*};

    use super::*;

    fn value(name: &str, element: DataType, shape: &[i64]) -> ValueInfoProto {
        let dim = shape.iter().map(|n| Dimension { dim_value: Some(*n), ..Dimension::default() }).collect();
        let tensor_type = TypeProtoTensor { elem_type: Some(element), shape: Some(TensorShapeProto { dim }) };
        ValueInfoProto {
            name: Some(name.into()),
            r#type: Some(TypeProto { tensor_type: Some(tensor_type), ..TypeProto::default() }),
        }
    }

    fn bytes(name: &str, data_type: DataType, dims: &[i64], raw: Vec<u8>) -> TensorProto {
        TensorProto {
            name: Some(name.into()),
            dims: dims.to_vec(),
            data_type: Some(data_type),
            raw_data: Some(RefCell::new(raw)),
            ..TensorProto::default()
        }
    }

    fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
        bytes(name, DataType::FLOAT, dims, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    fn fused(operator: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
        NodeProto {
            domain: Some(DOMAIN.into()),
            op_type: Some(operator.into()),
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec!["y".into()],
            attribute,
            ..NodeProto::default()
        }
    }

    fn float(name: &str, value: f32) -> AttributeProto {
        AttributeProto {
            name: Some(name.into()),
            f: Some(value),
            r#type: Some(AttributeType::FLOAT),
            ..AttributeProto::default()
        }
    }

    fn model(node: NodeProto, x: &[i64], initializer: Vec<TensorProto>) -> ModelProto {
        let opset = |domain: &str, version| OperatorSetIdProto { domain: Some(domain.into()), version: Some(version) };
        let graph = GraphProto {
            node: vec![node],
            initializer,
            input: vec![value("x", DataType::FLOAT, x)],
            output: vec![value("y", DataType::FLOAT, &[])],
            ..GraphProto::default()
        };
        ModelProto {
            ir_version: Some(9),
            graph: Some(graph),
            opset_import: vec![opset("", 18), opset(DOMAIN, 1)],
            ..ModelProto::default()
        }
    }

    /// Rewrites the model, writes it down, and runs what is read back.
    fn run(mut model: ModelProto, x: impl Into<Value>) -> Vec<f32> {
        unfuse(&mut model).unwrap();
        let model = ModelOptions::with_all_ops().load(model.write_buf().unwrap()).unwrap();
        let input = (model.node_id("x").unwrap(), x.into().into());
        let [y] = model.run_n(vec![input], [model.node_id("y").unwrap()], None).unwrap();
        Tensor::<f32>::try_from(y).unwrap().to_vec()
    }

    #[test]
    fn a_fused_product_transposes_its_sides_and_scales_the_result() {
        let node = fused("FusedMatMul", &["x", "b"], vec![int("transA", 1), int("transB", 1), float("alpha", 0.5)]);
        let b = floats("b", &[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
        // xᵀ = [1 3; 2 4], bᵀ = [1 3; 2 4].
        let x = NdTensor::from_data([1, 2, 2], vec![1.0_f32, 2.0, 3.0, 4.0]);
        assert_eq!(run(model(node, &[1, 2, 2], vec![b]), x), [3.5, 7.5, 5.0, 11.0]);
    }

    #[test]
    fn a_quantized_product_comes_near_the_product_of_floats() {
        let node = fused("DynamicQuantizeMatMul", &["x", "b", "scale", "zero", "bias"], vec![]);
        let constants = vec![
            bytes("b", DataType::INT8, &[2, 2], vec![10, 20, 30, 40]),
            floats("scale", &[], &[0.1]),
            bytes("zero", DataType::INT8, &[], vec![0]),
            floats("bias", &[2], &[100.0, 200.0]),
        ];
        let y = run(model(node, &[1, 2], constants), NdTensor::from_data([1, 2], vec![1.0_f32, -1.0]));
        for (found, expected) in y.iter().zip([98.0, 198.0]) {
            assert!((found - expected).abs() < 0.1, "{y:?}");
        }
    }

    #[test]
    fn a_fused_convolution_keeps_its_activation() {
        let activation = AttributeProto {
            name: Some("activation".into()),
            s: Some("Relu".into()),
            r#type: Some(AttributeType::STRING),
            ..AttributeProto::default()
        };
        let node = fused("FusedConv", &["x", "w"], vec![activation, ints("kernel_shape", vec![1])]);
        let w = floats("w", &[1, 1, 1], &[2.0]);
        let x = NdTensor::from_data([1, 1, 3], vec![1.0_f32, -1.0, 3.0]);
        assert_eq!(run(model(node, &[1, 1, 3], vec![w]), x), [2.0, 0.0, 6.0]);
    }

    #[test]
    fn what_is_inside_a_branch_is_rewritten_too() {
        let mut choice = NodeProto { op_type: Some("If".into()), ..NodeProto::default() };
        let inner = fused("FusedMatMul", &["x", "x"], vec![]);
        let branch = GraphProto { node: vec![inner], ..GraphProto::default() };
        choice.attribute.push(AttributeProto { g: Some(branch), ..AttributeProto::default() });
        let mut model = model(choice, &[2, 2], vec![]);
        unfuse(&mut model).unwrap();
        let graph = model.graph.unwrap();
        let branch = graph.node[0].attribute[0].g.as_ref().unwrap();
        assert_eq!(branch.node[0].op_type.as_deref(), Some("MatMul"));
    }

    #[test]
    fn a_form_that_is_not_known_is_an_error_not_a_wrong_model() {
        let forms = [
            fused("FusedMatMul", &["x", "b"], vec![int("transBatchA", 1)]),
            fused("FusedMatMul", &["unknown shape", "b"], vec![int("transA", 1)]),
            fused("FusedConv", &["x", "w"], vec![]),
        ];
        for form in forms {
            let error = unfuse(&mut model(form, &[1, 2], vec![])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ModelMissing);
        }
    }
}
