# Every command is a word of ./dev, which needs nothing but Python 3.11 or newer. ARGS reaches the tool, as in
# `make test ARGS="-k outbox"`, and FILE names a copy.
PYTHON ?= python3

.PHONY: help setup run test test-browser chaos-short chaos simulate test-services lint lock audit bench-nfe \
	bench-import bench-pages bench-push bench-screens bench-fresh backup backup-check restore

help:
	@echo "make run            inicia o ERP em http://127.0.0.1:8000 (na primeira vez instala tudo)"
	@echo "make setup          instala os pacotes e gera os segredos de .env (run e test já o fazem)"
	@echo "make backup         grava uma cópia de segurança, também com o ERP em uso"
	@echo "make backup-check   restaura a última cópia (ou FILE=) em um lugar de teste e a confere"
	@echo "make restore        restaura a cópia FILE= em um lugar vazio"
	@echo "make test           executa os testes, menos os dos três comandos abaixo"
	@echo "make test-browser   os testes que usam o chromium"
	@echo "make chaos-short    os testes que matam processos"
	@echo "make chaos          os mesmos e os demorados, também em PostgreSQL e Redis"
	@echo "make simulate       dez mil histórias com quedas, demoras e respostas perdidas, pela semente"
	@echo "make test-services  todos os testes em PostgreSQL e Redis"
	@echo "make lint           estilo, tipos, contratos de importação e migrações"
	@echo "make lock           recalcula os arquivos requirements*.lock"
	@echo "make audit          procura falhas conhecidas nas dependências (precisa de internet)"
	@echo "make bench-nfe      mede a conferência das notas fiscais, com o nfelib na mesma execução"
	@echo "make bench-import   mede a entrada de pedidos no PostgreSQL, ao lado de três outras formas de gravar"
	@echo "make bench-pages    mede as telas com um milhão de pedidos, no PostgreSQL ou (--sqlite) no SQLite"
	@echo "make bench-push     mede os envios ao Kwai ao lado de oito laços simples, no PostgreSQL e no Redis"
	@echo "make bench-screens  conta as linhas inteiras de cada lista em três telas, e os bytes de cada página"
	@echo "make bench-fresh    mede em quanto tempo um pedido novo aparece em uma tela aberta"

setup run test test-browser chaos-short chaos simulate test-services lint lock audit bench-nfe bench-import bench-pages bench-push bench-screens bench-fresh backup backup-check restore:
	@command -v $(PYTHON) >/dev/null || { echo "Python não encontrado: instale o Python 3.11 ou mais novo."; exit 1; }
	@$(PYTHON) dev $@ $(if $(FILE),"$(FILE)") $(ARGS)
