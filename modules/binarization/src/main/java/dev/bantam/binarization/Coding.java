package dev.bantam.binarization;

import dev.bantam.binarization.BiAttention.Threshold;
import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.compression.Operation;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What is coded in an encoder, and how: by matrix, by site, and by layer. */
final class Coding implements AutoCloseable {
  static final String WORDS = "embeddings.word_embeddings.weight";
  static final String WORD_SITE = "embeddings.word";

  private final WeightCoder weights;
  private final Optional<WeightCoder> words;
  private final Map<String, Optional<InputCoder>> matrices = new LinkedHashMap<>();
  private final Map<String, InputCoder> sites = new LinkedHashMap<>();
  private final Map<Integer, Threshold> attention = new LinkedHashMap<>();
  private final TreeSet<Integer> relu = new TreeSet<>();
  private final List<QuantizedLinear> operators = new ArrayList<>();

  /**
   * Nothing coded yet.
   *
   * @param weights of the matrices
   * @param words of the word table; empty to leave it
   */
  Coding(WeightCoder weights, Optional<WeightCoder> words) {
    this.weights = weights;
    this.words = words;
  }

  /** Codes a matrix, and its inputs if there is a coder for them. */
  void matrix(String name, Optional<InputCoder> input) {
    matrices.put(name, input);
  }

  /** Codes what passes a site. */
  void site(String name, InputCoder coder) {
    sites.put(name, coder);
  }

  /** Lets a layer attend by Bi-Attention. */
  void attention(int layer, Threshold threshold) {
    attention.put(layer, threshold);
  }

  /** Gives a layer ReLU. */
  void relu(int layer) {
    relu.add(layer);
  }

  /** The coder of a matrix or of the word table. */
  WeightCoder weightCoder(String name) {
    return name.equals(WORDS) ? words.orElseThrow() : weights;
  }

  /** How the inputs of a matrix are coded. */
  Optional<InputCoder> input(String matrix) {
    return matrices.getOrDefault(matrix, Optional.empty());
  }

  /** The matrices, and the word table if it is coded. */
  List<String> tensors() {
    final List<String> names = new ArrayList<>(matrices.keySet());
    words.ifPresent(coder -> names.add(WORDS));
    return names;
  }

  /** Puts the training form on a model that has nothing attached. */
  void attach(EncoderModel model) {
    attachWords(model);
    matrices.keySet().forEach(name -> attachMatrix(model, name));
    sites.keySet().forEach(name -> attachSite(model, name));
    attention.forEach((layer, threshold) -> model.setAttention(layer, new BiAttention(threshold)));
    relu.forEach(layer -> model.setActivation(layer, Activation.RELU));
  }

  void attachWords(EncoderModel model) {
    words.ifPresent(
        coder -> model.attach(WORD_SITE, new CodedRows(coder, model.weights().get(WORDS))));
  }

  void attachMatrix(EncoderModel model, String name) {
    final QuantizedLinear operator =
        new QuantizedLinear(model.weights().get(name), weights, matrices.get(name));
    operators.add(operator);
    model.setOperator(name, operator);
  }

  void attachSite(EncoderModel model, String name) {
    model.attach(name, new CodedTransform(sites.get(name)));
  }

  /** The same coders with parameters of their own. */
  Coding copy() {
    final Coding copy = new Coding(weights, words);
    matrices.forEach((name, input) -> copy.matrices.put(name, input.map(InputCoder::copy)));
    sites.forEach((name, coder) -> copy.sites.put(name, coder.copy()));
    copy.attention.putAll(attention);
    copy.relu.addAll(relu);
    return copy;
  }

  /** What a stored model needs beside its weights, by place. */
  Map<String, Operation> operations() {
    final Map<String, Operation> operations = new LinkedHashMap<>();
    matrices.forEach(
        (name, input) ->
            input.ifPresent(
                coder ->
                    operations.put(
                        name, CodedOperation.atMatrix(storable(coder), weights.levels() == 3))));
    sites.forEach((name, coder) -> operations.put(name, CodedOperation.atSite(storable(coder))));
    attention.forEach(
        (layer, threshold) ->
            operations.put(
                Places.of(layer, Places.ATTENTION), new BiAttentionOperation(threshold)));
    relu.forEach(layer -> operations.put(Places.of(layer, Places.FFN), new ReluOperation()));
    return operations;
  }

  /** Writes scales as they are used: those that have shrunk below the smallest are that one. */
  private static InputCoder storable(InputCoder coder) {
    final INDArray scale = coder.parameters().get(ElasticInput.SCALE);
    if (scale != null) {
      final float used = Math.max(Elastic.LEAST, scale.getFloat(0));
      Floats.of(scale).write(0, new float[] {used}, 0, 1);
    }
    return coder;
  }

  /** Frees what {@link #attach} made; the model must have been cleared of it. */
  @Override
  public void close() {
    operators.forEach(QuantizedLinear::close);
    operators.clear();
  }
}
