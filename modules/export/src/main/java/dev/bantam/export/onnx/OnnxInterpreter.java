package dev.bantam.export.onnx;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import onnx.Onnx;
import org.nd4j.shade.protobuf.InvalidProtocolBufferException;

/**
 * Computes what an ONNX file computes, operator by operator as the ONNX standard defines them, for
 * the operators that {@link OnnxWriter} uses. It reads nothing but the file, so that what comes out
 * tells whether the file is right. Slow and simple; for checking, not for serving.
 */
public final class OnnxInterpreter {
  private static final String QUANTIZE = "QuantizeLinear";

  private final Onnx.GraphProto graph;
  private final Map<String, OnnxValue> stored = new HashMap<>(); // looked up only

  /**
   * Opens a file.
   *
   * @throws BantamException (bad input) if it cannot be read
   */
  public OnnxInterpreter(Path file) {
    this(read(file));
  }

  OnnxInterpreter(Onnx.ModelProto model) {
    graph = model.getGraph();
    graph.getInitializerList().forEach(t -> stored.put(t.getName(), OnnxValue.of(t)));
  }

  private static Onnx.ModelProto read(Path file) {
    try {
      return Onnx.ModelProto.parseFrom(Files.readAllBytes(file));
    } catch (InvalidProtocolBufferException e) {
      throw BantamException.badInput(file + " is not an ONNX file: " + e.getMessage() + ".", e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e + ".", e);
    }
  }

  /** Names of the graph's inputs, in order. */
  public List<String> inputs() {
    return graph.getInputList().stream().map(Onnx.ValueInfoProto::getName).toList();
  }

  /**
   * Runs the graph.
   *
   * @param inputs int64 [batch, sequence], by name
   * @param batch rows of each input
   * @return the first output, row-major
   * @throws IllegalStateException if the graph has an operator that {@link OnnxWriter} does not use
   */
  public float[] run(Map<String, long[]> inputs, int batch) {
    return run(inputs, batch, OnnxOperators::apply, (node, in) -> {});
  }

  /**
   * As {@link #run}, without the rounding of activations to 8 bits, and without cutting them to a
   * range for it: what is left are the weights of the file, so that they can be told right from
   * wrong however rough the rounding is.
   */
  public float[] runUnrounded(Map<String, long[]> inputs, int batch) {
    return run(inputs, batch, OnnxOperators::applyUnrounded, (node, in) -> {});
  }

  /**
   * One place where the graph rounds activations by a fixed range.
   *
   * @param values what comes there when nothing before it is rounded, row-major
   * @param function what the nodes there make of any values
   */
  public record Rounding(float[] values, UnaryOperator<float[]> function) {}

  /**
   * The places where the graph rounds activations by fixed ranges, by the site that their nodes are
   * named after.
   *
   * @param inputs as for {@link #run}
   */
  public Map<String, Rounding> roundings(Map<String, long[]> inputs, int batch) {
    final Map<String, Onnx.NodeProto> named = new HashMap<>(); // looked up only
    graph.getNodeList().forEach(node -> named.put(node.getName(), node));
    final Map<String, Rounding> roundings = new TreeMap<>();
    run(
        inputs,
        batch,
        OnnxOperators::applyUnrounded,
        (node, in) -> {
          if (node.getOpType().equals(QUANTIZE)) {
            final String path = node.getName().substring(0, node.getName().lastIndexOf('/'));
            final List<Onnx.NodeProto> chain =
                Stream.of("/Clip", "/" + QUANTIZE, "/DequantizeLinear")
                    .map(n -> named.get(path + n))
                    .filter(Objects::nonNull)
                    .toList();
            roundings.put(
                path.substring(1).replace('/', '.'),
                new Rounding(in.get(0).reals(), x -> inTurn(chain, x)));
          }
        });
    return roundings;
  }

  /** What nodes one after the other make of values; their other inputs are stored. */
  private float[] inTurn(List<Onnx.NodeProto> chain, float[] x) {
    OnnxValue value = OnnxValue.reals(x, x.length);
    for (Onnx.NodeProto node : chain) {
      final List<OnnxValue> in = new ArrayList<>(List.of(value));
      node.getInputList().stream().skip(1).map(stored::get).forEach(in::add);
      value = OnnxOperators.apply(node, in).get(0);
    }
    return value.reals();
  }

  private float[] run(
      Map<String, long[]> inputs,
      int batch,
      BiFunction<Onnx.NodeProto, List<OnnxValue>, List<OnnxValue>> operators,
      BiConsumer<Onnx.NodeProto, List<OnnxValue>> seen) {
    final Map<String, OnnxValue> values = new HashMap<>(stored); // looked up only
    inputs.forEach((name, v) -> values.put(name, OnnxValue.wholes(v, batch, v.length / batch)));
    final Map<String, Integer> last = lastUses();
    for (int i = 0; i < graph.getNodeCount(); i++) {
      final Onnx.NodeProto node = graph.getNode(i);
      final List<OnnxValue> in = node.getInputList().stream().map(values::get).toList();
      seen.accept(node, in);
      final List<OnnxValue> results = operators.apply(node, in);
      for (int o = 0; o < results.size(); o++) {
        values.put(node.getOutput(o), results.get(o));
      }
      final int now = i;
      node.getInputList().stream().filter(n -> last.get(n) == now).forEach(values::remove);
    }
    return values.get(graph.getOutput(0).getName()).reals();
  }

  /** The number of the last node that reads a value. */
  private Map<String, Integer> lastUses() {
    final Map<String, Integer> last = new HashMap<>(); // looked up only
    for (int i = 0; i < graph.getNodeCount(); i++) {
      for (String input : graph.getNode(i).getInputList()) {
        last.put(input, i);
      }
    }
    last.put(graph.getOutput(0).getName(), graph.getNodeCount()); // kept to the end
    return last;
  }
}
