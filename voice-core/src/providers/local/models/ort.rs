//! Reads ONNX Runtime's `.ort` files into the ONNX model they were made from.
//!
//! Source: the schema `ort.fbs` of ONNX Runtime; its enumerations have the numbers of ONNX's own protobuf.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor, ValueInfoProto,
};

use super::flatbuffer::Table;
use crate::error::{Error, ErrorKind, Result};

/// The identifier of `.ort` files.
const IDENTIFIER: &[u8; 4] = b"ORTM";

/// The newest ONNX file version written; readers refuse what is newer than they are.
const IR_VERSION: i64 = 10;

/// Field numbers of the schema's tables.
mod field {
    pub(super) const SESSION_MODEL: usize = 1;
    pub(super) const MODEL_IR_VERSION: usize = 0;
    pub(super) const MODEL_OPSET_IMPORT: usize = 1;
    pub(super) const MODEL_GRAPH: usize = 7;
    pub(super) const OPSET_DOMAIN: usize = 0;
    pub(super) const OPSET_VERSION: usize = 1;
    pub(super) const GRAPH_INITIALIZERS: usize = 0;
    pub(super) const GRAPH_NODE_ARGS: usize = 1;
    pub(super) const GRAPH_NODES: usize = 2;
    pub(super) const GRAPH_INPUTS: usize = 5;
    pub(super) const GRAPH_OUTPUTS: usize = 6;
    pub(super) const NODE_NAME: usize = 0;
    pub(super) const NODE_DOMAIN: usize = 2;
    pub(super) const NODE_OP_TYPE: usize = 5;
    pub(super) const NODE_INPUTS: usize = 8;
    pub(super) const NODE_OUTPUTS: usize = 9;
    pub(super) const NODE_ATTRIBUTES: usize = 10;
    pub(super) const TENSOR_NAME: usize = 0;
    pub(super) const TENSOR_DIMS: usize = 2;
    pub(super) const TENSOR_DATA_TYPE: usize = 3;
    pub(super) const TENSOR_RAW_DATA: usize = 4;
    pub(super) const VALUE_NAME: usize = 0;
    pub(super) const VALUE_TYPE: usize = 2;
    pub(super) const TYPE_KIND: usize = 1;
    pub(super) const TYPE_VALUE: usize = 2;
    pub(super) const TENSOR_TYPE_ELEMENT: usize = 0;
    pub(super) const TENSOR_TYPE_SHAPE: usize = 1;
    pub(super) const SHAPE_DIMS: usize = 0;
    pub(super) const DIMENSION_VALUE: usize = 0;
    pub(super) const DIMENSION_KIND: usize = 0;
    pub(super) const DIMENSION_NUMBER: usize = 1;
    pub(super) const DIMENSION_NAME: usize = 2;
    pub(super) const ATTRIBUTE_NAME: usize = 0;
    pub(super) const ATTRIBUTE_TYPE: usize = 2;
    pub(super) const ATTRIBUTE_FLOAT: usize = 3;
    pub(super) const ATTRIBUTE_INT: usize = 4;
    pub(super) const ATTRIBUTE_STRING: usize = 5;
    pub(super) const ATTRIBUTE_TENSOR: usize = 6;
    pub(super) const ATTRIBUTE_GRAPH: usize = 7;
    pub(super) const ATTRIBUTE_FLOATS: usize = 8;
    pub(super) const ATTRIBUTE_INTS: usize = 9;
    pub(super) const ATTRIBUTE_STRINGS: usize = 10;
}

/// The kind of a type that is a tensor, among sequences and maps.
const TENSOR_TYPE: u8 = 1;

/// The model in the bytes of an `.ort` file. Types and shapes of all values, where known, are in each graph's
/// `value_info`.
///
/// # Errors
/// `ModelMissing` when the bytes are damaged or use what this reader does not know.
pub(super) fn read(bytes: &[u8]) -> Result<ModelProto> {
    let session = Table::root(bytes, IDENTIFIER)?;
    let model = present(session.table(field::SESSION_MODEL)?, "model")?;
    let opset_import = model.vector(field::MODEL_OPSET_IMPORT)?.tables().map(|opset| {
        let opset = opset?;
        Ok(OperatorSetIdProto {
            domain: Some(opset.string(field::OPSET_DOMAIN)?),
            version: Some(i64::from_le_bytes(opset.scalar(field::OPSET_VERSION)?)),
        })
    });
    Ok(ModelProto {
        ir_version: Some(i64::from_le_bytes(model.scalar(field::MODEL_IR_VERSION)?).min(IR_VERSION)),
        opset_import: opset_import.collect::<Result<_>>()?,
        graph: Some(graph(&present(model.table(field::MODEL_GRAPH)?, "graph")?)?),
        ..ModelProto::default()
    })
}

fn graph(table: &Table<'_>) -> Result<GraphProto> {
    let initializer: Vec<TensorProto> =
        table.vector(field::GRAPH_INITIALIZERS)?.tables().map(|t| tensor(&t?)).collect::<Result<_>>()?;
    let values: Vec<ValueInfoProto> =
        table.vector(field::GRAPH_NODE_ARGS)?.tables().map(|v| value_info(&v?)).collect::<Result<_>>()?;
    let nodes: Vec<NodeProto> = table.vector(field::GRAPH_NODES)?.tables().map(|n| node(&n?)).collect::<Result<_>>()?;

    let constants: HashSet<&str> = initializer.iter().filter_map(|t| t.name.as_deref()).collect();
    let by_name: HashMap<&str, &ValueInfoProto> = values.iter().filter_map(|v| Some((v.name.as_deref()?, v))).collect();
    let described = |names: Vec<String>| -> Vec<ValueInfoProto> {
        let named = |name: String| ValueInfoProto { name: Some(name), ..ValueInfoProto::default() };
        names.into_iter().map(|n| by_name.get(n.as_str()).map_or_else(|| named(n), |v| (*v).clone())).collect()
    };
    let mut inputs = table.vector(field::GRAPH_INPUTS)?.strings()?;
    inputs.retain(|name| !constants.contains(name.as_str()));
    let (input, output) = (described(inputs), described(table.vector(field::GRAPH_OUTPUTS)?.strings()?));
    Ok(GraphProto { node: in_order(nodes), initializer, input, output, value_info: values })
}

fn node(table: &Table<'_>) -> Result<NodeProto> {
    let mut input = table.vector(field::NODE_INPUTS)?.strings()?;
    let given = input.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    input.truncate(given);
    Ok(NodeProto {
        name: Some(table.string(field::NODE_NAME)?),
        domain: Some(table.string(field::NODE_DOMAIN)?),
        op_type: Some(table.string(field::NODE_OP_TYPE)?),
        input,
        output: table.vector(field::NODE_OUTPUTS)?.strings()?,
        attribute: table.vector(field::NODE_ATTRIBUTES)?.tables().map(|a| attribute(&a?)).collect::<Result<_>>()?,
    })
}

fn attribute(table: &Table<'_>) -> Result<AttributeProto> {
    let kind = AttributeType(i32::from_le_bytes(table.scalar(field::ATTRIBUTE_TYPE)?));
    let mut out = AttributeProto {
        name: Some(table.string(field::ATTRIBUTE_NAME)?),
        r#type: Some(kind),
        ..AttributeProto::default()
    };
    match kind {
        AttributeType::FLOAT => out.f = Some(f32::from_le_bytes(table.scalar(field::ATTRIBUTE_FLOAT)?)),
        AttributeType::INT => out.i = Some(i64::from_le_bytes(table.scalar(field::ATTRIBUTE_INT)?)),
        AttributeType::STRING => out.s = Some(table.string(field::ATTRIBUTE_STRING)?),
        AttributeType::TENSOR => {
            out.t = Some(tensor(&present(table.table(field::ATTRIBUTE_TENSOR)?, "tensor of an attribute")?)?);
        }
        AttributeType::GRAPH => {
            out.g = Some(graph(&present(table.table(field::ATTRIBUTE_GRAPH)?, "graph of an attribute")?)?);
        }
        AttributeType::FLOATS => {
            let floats = table.vector(field::ATTRIBUTE_FLOATS)?.scalars()?;
            out.floats = floats.into_iter().map(f32::from_le_bytes).collect();
        }
        AttributeType::INTS => {
            let ints = table.vector(field::ATTRIBUTE_INTS)?.scalars()?;
            out.ints = ints.into_iter().map(i64::from_le_bytes).collect();
        }
        AttributeType::STRINGS => out.strings = table.vector(field::ATTRIBUTE_STRINGS)?.strings()?,
        other => return Err(unknown(&format!("an attribute of type {}", other.0))),
    }
    Ok(out)
}

fn tensor(table: &Table<'_>) -> Result<TensorProto> {
    let data_type = DataType(i32::from_le_bytes(table.scalar(field::TENSOR_DATA_TYPE)?));
    if data_type == DataType::STRING {
        return Err(unknown("a tensor of strings"));
    }
    let dims = table.vector(field::TENSOR_DIMS)?.scalars()?;
    Ok(TensorProto {
        name: Some(table.string(field::TENSOR_NAME)?),
        dims: dims.into_iter().map(i64::from_le_bytes).collect(),
        data_type: Some(data_type),
        raw_data: Some(RefCell::new(table.vector(field::TENSOR_RAW_DATA)?.bytes()?.to_vec())),
        ..TensorProto::default()
    })
}

fn value_info(table: &Table<'_>) -> Result<ValueInfoProto> {
    let mut out = ValueInfoProto { name: Some(table.string(field::VALUE_NAME)?), ..ValueInfoProto::default() };
    let Some(info) = table.table(field::VALUE_TYPE)? else { return Ok(out) };
    if u8::from_le_bytes(info.scalar(field::TYPE_KIND)?) != TENSOR_TYPE {
        return Ok(out);
    }
    let Some(tensor) = info.table(field::TYPE_VALUE)? else { return Ok(out) };
    let shape = tensor.table(field::TENSOR_TYPE_SHAPE)?.map(|shape| {
        let dim = shape.vector(field::SHAPE_DIMS)?.tables().map(|d| dimension(&d?)).collect::<Result<_>>()?;
        Ok::<_, Error>(TensorShapeProto { dim })
    });
    let tensor_type = TypeProtoTensor {
        elem_type: Some(DataType(i32::from_le_bytes(tensor.scalar(field::TENSOR_TYPE_ELEMENT)?))),
        shape: shape.transpose()?,
    };
    out.r#type = Some(TypeProto { tensor_type: Some(tensor_type), ..TypeProto::default() });
    Ok(out)
}

fn dimension(table: &Table<'_>) -> Result<Dimension> {
    let mut out = Dimension::default();
    let Some(value) = table.table(field::DIMENSION_VALUE)? else { return Ok(out) };
    match i8::from_le_bytes(value.scalar(field::DIMENSION_KIND)?) {
        1 => out.dim_value = Some(i64::from_le_bytes(value.scalar(field::DIMENSION_NUMBER)?)),
        2 => out.dim_param = Some(value.string(field::DIMENSION_NAME)?),
        _ => {}
    }
    Ok(out)
}

/// Sorts nodes so that each comes after those whose outputs it reads, itself or in its branches: ONNX asks for that, `.ort`
/// does not keep it.
fn in_order(nodes: Vec<NodeProto>) -> Vec<NodeProto> {
    let producers: HashMap<&str, usize> =
        nodes.iter().enumerate().flat_map(|(i, n)| n.output.iter().map(move |o| (o.as_str(), i))).collect();
    let needs: Vec<Vec<usize>> =
        nodes.iter().map(|n| reads(n).into_iter().filter_map(|name| producers.get(name).copied()).collect()).collect();
    let mut order = Vec::with_capacity(nodes.len());
    let mut placed = vec![false; nodes.len()];
    let mut path: Vec<(usize, usize)> = Vec::new();
    for first in 0..nodes.len() {
        path.push((first, 0));
        while let Some((node, next)) = path.pop() {
            if placed[node] {
                continue;
            }
            match needs[node].get(next) {
                Some(&need) => {
                    path.push((node, next + 1));
                    // A node that waits for itself would be a loop, which no graph has.
                    if !placed[need] && path.iter().all(|(on_path, _)| *on_path != need) {
                        path.push((need, 0));
                    }
                }
                None => {
                    placed[node] = true;
                    order.push(node);
                }
            }
        }
    }
    let mut nodes: Vec<Option<NodeProto>> = nodes.into_iter().map(Some).collect();
    order.into_iter().filter_map(|i| nodes[i].take()).collect()
}

/// The names of all values that a node reads, in its branches too.
fn reads(node: &NodeProto) -> Vec<&str> {
    let mut names: Vec<&str> = node.input.iter().map(String::as_str).collect();
    for branch in node.attribute.iter().filter_map(|a| a.g.as_ref()) {
        names.extend(branch.node.iter().flat_map(reads));
        names.extend(branch.output.iter().filter_map(|o| o.name.as_deref()));
    }
    names
}

fn present<T>(found: Option<T>, what: &str) -> Result<T> {
    found.ok_or_else(|| unknown(&format!("no {what}")))
}

fn unknown(what: &str) -> Error {
    Error::new(ErrorKind::ModelMissing, format!("the .ort file to convert has {what}, which is not known here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(op: &str, input: &[&str], output: &[&str]) -> NodeProto {
        NodeProto {
            op_type: Some(op.into()),
            input: input.iter().map(ToString::to_string).collect(),
            output: output.iter().map(ToString::to_string).collect(),
            ..NodeProto::default()
        }
    }

    fn operators(nodes: &[NodeProto]) -> Vec<&str> {
        nodes.iter().filter_map(|n| n.op_type.as_deref()).collect()
    }

    #[test]
    fn nodes_come_after_those_they_read_from() {
        let nodes = vec![named("C", &["b"], &["c"]), named("B", &["a"], &["b"]), named("A", &["x"], &["a"])];
        assert_eq!(operators(&in_order(nodes)), ["A", "B", "C"]);
    }

    #[test]
    fn what_a_branch_captures_counts_as_read() {
        let mut choice = named("If", &["condition"], &["out"]);
        let branch = GraphProto { node: vec![named("Use", &["a"], &["y"])], ..GraphProto::default() };
        choice.attribute.push(AttributeProto { g: Some(branch), ..AttributeProto::default() });
        assert_eq!(operators(&in_order(vec![choice, named("A", &["x"], &["a"])])), ["A", "If"]);
    }

    #[test]
    fn bytes_that_are_no_ort_file_are_refused() {
        assert_eq!(read(b"not a model at all").err().unwrap().kind(), ErrorKind::ModelMissing);
    }
}
