package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.Workers;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A BERT-like encoder with pooling and an optional classification head.
 *
 * <p>Parameters are live tensors: an optimiser or a compression step writes to them and the next
 * pass sees it. Beside them a model carries what callers attach: {@linkplain LinearOperator
 * operators} of weights, {@linkplain ActivationTransform transforms} and observers of {@linkplain
 * Site sites}, {@linkplain AttentionStrategy attention} variants. Without any of it a pass is the
 * plain one, to the bit.
 *
 * <p>One pass at a time; a pass uses all workers.
 */
public final class EncoderModel implements Model<Batch>, AutoCloseable {
  private final Architecture architecture;
  private final Optional<Head> head;
  private final Pooling pooling;
  private final Map<String, INDArray> parameters;
  private final Map<String, Floats> views = new HashMap<>(); // looked up by name, never iterated
  private final Map<String, LinearOperator> dense = new HashMap<>(); // by name only
  private final Workers workers;
  private final Kernels kernels;
  private final EncoderSites sites;
  private final Attachments attachments;
  private final EncoderPass engine;

  /**
   * @param parameters weights by Hugging Face base-model name; kept, not copied
   * @throws IllegalArgumentException if a tensor is missing or has another shape
   */
  public EncoderModel(
      Architecture architecture,
      Optional<Head> head,
      Pooling pooling,
      Map<String, INDArray> parameters,
      Workers workers) {
    this(architecture, head, pooling, parameters, workers, Kernels.best());
  }

  /** As the other constructor, with the kernels chosen by the caller. */
  public EncoderModel(
      Architecture architecture,
      Optional<Head> head,
      Pooling pooling,
      Map<String, INDArray> parameters,
      Workers workers,
      Kernels kernels) {
    ParameterShapes.check(architecture, head, pooling, parameters);
    this.architecture = architecture;
    this.head = head;
    this.pooling = pooling;
    this.parameters = new LinkedHashMap<>(parameters);
    this.workers = workers;
    this.kernels = kernels;
    this.sites = new EncoderSites(architecture, pooling, readsTokens());
    this.attachments = new Attachments(architecture.layers().size());
    this.engine = new EncoderPass(this, sites, attachments, workers, kernels);
  }

  /** Shape and conventions. */
  public Architecture architecture() {
    return architecture;
  }

  /** The classification head, if there is one. */
  public Optional<Head> head() {
    return head;
  }

  /** Whether the head gives outputs for tokens and not for texts. */
  boolean readsTokens() {
    return head.filter(h -> h.kind() == Head.Kind.TOKEN_LABEL).isPresent();
  }

  /** How a text's vector is made. */
  public Pooling pooling() {
    return pooling;
  }

  /**
   * The weights, and behind them the trainable tensors of whatever is attached, as {@code
   * <weight>/<name>}, {@code <site>/<name>} and {@code layer.<i>.attention/<name>}.
   */
  @Override
  public Map<String, INDArray> parameters() {
    if (attachments.none()) {
      return Collections.unmodifiableMap(parameters);
    }
    final Map<String, INDArray> all = new LinkedHashMap<>(parameters);
    all.putAll(attachments.parameters());
    return Collections.unmodifiableMap(all);
  }

  /** The weights alone, without the tensors of what is attached. */
  public Map<String, INDArray> weights() {
    return Collections.unmodifiableMap(parameters);
  }

  @Override
  public double learningRateFactor(String parameter) {
    return attachments.learningRateFactor(parameter);
  }

  /** Whether a parameter belongs to something attached and not to the encoder itself. */
  public static boolean isAttached(String parameter) {
    return parameter.indexOf('/') >= 0;
  }

  /** The live memory of a weight. */
  Floats view(String name) {
    return views.computeIfAbsent(name, n -> Floats.of(parameters.get(n)));
  }

  /**
   * The same architecture, pooling and weights with another head on top. Encoder tensors are
   * shared, not copied; nothing attached is carried over.
   *
   * @param weight [labels, d]
   * @param bias [labels]
   */
  public EncoderModel withHead(Head newHead, Pooling newPooling, INDArray weight, INDArray bias) {
    final Map<String, INDArray> all = new LinkedHashMap<>(parameters);
    all.put(PooledHead.WEIGHT, weight);
    all.put(PooledHead.BIAS, bias);
    return new EncoderModel(architecture, Optional.of(newHead), newPooling, all, workers, kernels);
  }

  /**
   * What multiplies with a weight: the attached operator, or the dense one.
   *
   * @param weight a matrix of an encoder layer or of the pooler
   */
  public LinearOperator operator(String weight) {
    checkMatrix(weight);
    final LinearOperator attached = attachments.operator(weight);
    return attached != null
        ? attached
        : dense.computeIfAbsent(weight, n -> new DenseLinear(parameters.get(n)));
  }

  /**
   * Lets another operator multiply with a weight.
   *
   * @throws IllegalArgumentException if there is no such matrix or the operator has another shape
   */
  public void setOperator(String weight, LinearOperator operator) {
    checkMatrix(weight);
    final INDArray tensor = parameters.get(weight);
    if (operator.outputs() != tensor.size(0) || operator.inputs() != tensor.size(1)) {
      throw new IllegalArgumentException(
          String.format(
              java.util.Locale.ROOT,
              "'%s' is [%d x %d], its operator would be [%d x %d]",
              weight,
              tensor.size(0),
              tensor.size(1),
              operator.outputs(),
              operator.inputs()));
    }
    change(weight, () -> attachments.setOperator(weight, operator));
  }

  /** Goes back to the dense product. */
  public void resetOperator(String weight) {
    checkMatrix(weight);
    change(weight, () -> attachments.resetOperator(weight));
  }

  private void checkMatrix(String weight) {
    if (!EncoderPass.isLinear(weight) || !parameters.containsKey(weight)) {
      throw new IllegalArgumentException(
          "'"
              + weight
              + "' is no matrix of a linear layer. Those are named like"
              + " 'encoder.layer.0.output.dense.weight', or 'pooler.dense.weight'.");
    }
  }

  private void change(String owner, Runnable change) {
    engine.requireThawed("Attaching to '" + owner + "'");
    change.run();
    engine.changed(owner);
  }

  /** All sites in forward order. */
  public List<Site> sites() {
    return sites.all();
  }

  /**
   * The site of a name.
   *
   * @throws IllegalArgumentException if there is none; the message lists those that exist
   */
  public Site site(String name) {
    return sites.named(name);
  }

  /**
   * Puts a transform at a site.
   *
   * @throws IllegalStateException if the site has one
   */
  public void attach(String site, ActivationTransform transform) {
    change(site, () -> attachments.attach(sites.named(site), transform));
  }

  /** Puts an observer at a site, beside any that are there. */
  public void attach(String site, ActivationObserver observer) {
    attachments.attach(sites.named(site), observer);
  }

  /** Takes the transform and all observers off a site. */
  public void detach(String site) {
    change(site, () -> attachments.detach(sites.named(site)));
  }

  /** The activation between the two FFN matrices of a layer. */
  public Activation activation(int layer) {
    final Activation own = attachments.activation(layer);
    return own == null ? architecture.activation() : own;
  }

  /** Gives a layer an FFN activation in place of the architecture's. */
  public void setActivation(int layer, Activation activation) {
    change(Attachments.ffnName(layer), () -> attachments.activation(layer, activation));
  }

  /** Takes off all operators, transforms, attention and FFN variants; observers stay. */
  public void detachAll() {
    final List<String> owners = attachments.owners();
    if (!owners.isEmpty()) {
      engine.requireThawed("Taking everything off");
      attachments.clear();
      owners.forEach(engine::changed);
    }
  }

  /** How a layer attends. */
  public AttentionStrategy attention(int layer) {
    return attachments.attention(layer);
  }

  /** Lets a layer attend in another way; {@link SoftmaxAttention#INSTANCE} is the plain one. */
  public void setAttention(int layer, AttentionStrategy strategy) {
    change(Attachments.attentionName(layer), () -> attachments.attention(layer, strategy));
  }

  /**
   * Hidden states after the embeddings and after each layer, each [tokens, d], copied.
   *
   * @return layers + 1 tensors
   */
  public List<INDArray> hiddenStates(Batch batch) {
    return engine.hiddenStates(batch);
  }

  /** The last hidden states, [tokens, d] row-major. */
  public float[] encode(Batch batch) {
    return engine.encode(batch);
  }

  /**
   * One vector a text, [sequences, d] row-major.
   *
   * @param normalize whether to scale each to unit length
   */
  public float[] embed(Batch batch, boolean normalize) {
    final float[] pooled = engine.embed(batch);
    if (normalize) {
      final int d = architecture.hiddenSize();
      for (int s = 0; s < batch.sequences(); s++) {
        double squares = 0;
        for (int i = 0; i < d; i++) {
          squares += (double) pooled[s * d + i] * pooled[s * d + i];
        }
        final double scale = 1 / Math.max(Math.sqrt(squares), 1e-12);
        for (int i = 0; i < d; i++) {
          pooled[s * d + i] = (float) (pooled[s * d + i] * scale);
        }
      }
    }
    return pooled;
  }

  /**
   * The values of some sites in a forward without dropout: what {@link LossTerm}s of a student are
   * given of their teacher.
   *
   * @return one array for each site, laid out as {@link SiteValue} says
   */
  public List<float[]> siteValues(Batch batch, List<Site> wanted) {
    return engine.siteValues(batch, wanted.stream().map(sites::check).toList());
  }

  @Override
  public void linearInputs(Batch batch, Collection<String> weights, InputSink sink) {
    weights.stream().filter(name -> !name.equals(PooledHead.WEIGHT)).forEach(this::checkMatrix);
    engine.linearInputs(batch, weights, sink);
  }

  @Override
  public Outputs outputs(Batch batch) {
    requireHead();
    return engine.outputs(batch);
  }

  @Override
  public double gradients(
      Batch batch, Loss loss, Regularization regularization, GradientSink sink) {
    return gradients(batch, loss, List.of(), regularization, sink);
  }

  /**
   * Loss and gradients with further terms read off activations: {@code loss + sum of weight *
   * term}.
   *
   * @param loss of the head's outputs, or {@link Loss#NONE}, which needs no head
   * @return the total loss
   */
  public double gradients(
      Batch batch,
      Loss loss,
      List<LossTerm> terms,
      Regularization regularization,
      GradientSink sink) {
    if (loss != Loss.NONE) {
      requireHead();
    }
    terms.forEach(term -> term.sites().forEach(sites::check));
    return engine.gradients(batch, loss, terms, regularization, sink);
  }

  /**
   * The output of one layer for a given input, attached things included; changes nothing.
   *
   * @param hidden [tokens, d]
   * @param offsets start of each sequence, [sequences + 1]
   * @param weights tensors to use in place of the model's, by name; may be empty
   * @return [tokens, d]
   */
  public INDArray runLayer(
      int layer, INDArray hidden, int[] offsets, Map<String, INDArray> weights) {
    return engine.runner().runLayer(layer, hidden, offsets, weights);
  }

  /**
   * What the piece of the model right behind a site makes of an input, with no transform applied;
   * changes nothing. The piece is
   *
   * <ul>
   *   <li>at {@code attention.input}: query, key, value and attention up to the context of all
   *       heads, [tokens, width]
   *   <li>at {@code attention.context}: {@code W_o x + b_o}
   *   <li>at {@code ffn.input}: {@code W_up x + b_up}
   *   <li>at {@code ffn.hidden}: {@code W_down x + b_down}
   * </ul>
   *
   * @param x [tokens, width of the site]
   * @param offsets start of each sequence, [sequences + 1]
   * @param weights tensors to use in place of the model's, by name; may be empty
   */
  public INDArray runModule(Site site, INDArray x, int[] offsets, Map<String, INDArray> weights) {
    return engine.runner().runModule(sites.check(site), x, offsets, weights);
  }

  @Override
  public Frozen freeze() {
    return engine.freeze();
  }

  private void requireHead() {
    if (head.isEmpty()) {
      throw new IllegalStateException("This model has no classification head");
    }
  }

  /**
   * Frees the memory of passes at once instead of when the collector finds it, and ends a freeze.
   * The parameters are left alone, and a later pass allocates again.
   */
  @Override
  public void close() {
    engine.close();
    dense.clear();
  }
}
